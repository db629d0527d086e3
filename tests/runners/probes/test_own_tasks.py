"""Tasks of every kind from tables of the user's own, and from published ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from made_corpus import build, document
from made_tables import classes, labelled, load, opened, written

from results.facts import CUT_TOGETHER
from runners.corpora.corpus import Corpus
from runners.probes.classification import ClassificationTask
from runners.probes.last_word import LastWordProbe, LastWordTask
from runners.probes.minimal_pairs import MinimalPairsProbe
from runners.probes.tagging import TaggingProbe, TaggingTask


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(40)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    return build(tmp_path_factory.mktemp("own"), rows)


def tagged(count: int, *, tags: str = "O B-a I-a") -> list[dict[str, Any]]:
    return [
        {"tokens": [str(i), "text", "number"], "tags": tags.split(), "task": f"t{i % 2}"}
        for i in range(count)
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "hub"])
def test_rows_of_one_task_of_several(own: Corpus, tmp_path: Path, ending: str) -> None:
    rows = [{**row, "task": "odd" if i % 2 else "all"} for i, row in enumerate(labelled(60))]
    rows += [{**row, "task": "all"} for row in labelled(60, first=60)]
    settings: dict[str, Any] = {"where_column": "task", "where_value": "all"}
    if ending == "hub":
        for split in ("train", "validation"):
            written(tmp_path / f"hub/mine/{split}.parquet", rows)
        task = load(classes("x/mine", **settings), own, tmp_path / "hub")
    else:
        file = written(tmp_path / f"rows.{ending}", rows)
        task = load(classes(file, **settings), own)
    assert isinstance(task, ClassificationTask)
    found = {*task.train.texts, *task.test.known.texts}
    assert found == {row["text"] for row in rows if row["task"] == "all"}
    assert len(found) == 90


def test_a_task_that_no_row_has_is_named_beside_those_there_are(tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", [{**row, "task": "tense"} for row in labelled(60)])
    with pytest.raises(ValueError, match=r"no row of .* has 'tens' in column 'task'.*'tense'"):
        opened(classes(file, where_column="task", where_value="tens"))
    with pytest.raises(ValueError, match="given together"):
        classes(file, where_column="task")


def test_pairs_of_texts_stay_pairs(own: Corpus, tmp_path: Path) -> None:
    rows = [{**row, "other": f"other {row['text'][12:]}"} for row in labelled(60)]
    file = written(tmp_path / "rows.csv", rows)
    task = load(classes(file, second_column="other", metric="mcc"), own)
    assert isinstance(task, ClassificationTask)
    for side in (task.train, task.test.known):
        assert side.seconds == [f"other {text[12:]}" for text in side.texts]
    assert list(task.baselines()) == [
        "majority class",
        "TF-IDF",
        "shuffled labels",
        "TF-IDF, second text alone",
    ]
    with pytest.raises(ValueError, match="metric is 'f1'; choose from accuracy, macro_f1, mcc"):
        classes(file, metric="f1")


def test_pairs_that_one_row_does_not_hold_are_told(own: Corpus, tmp_path: Path) -> None:
    """Where fine-tuning cuts them, word statistics and frozen vectors read all of both."""
    rows = [{**row, "other": "it is so " * (i % 12)} for i, row in enumerate(labelled(60))]
    rows = [{**row, "other": row["other"] + "a"} for row in rows]
    pairs = [(row["text"], row["other"]) for row in rows]
    tokens = [sum(len(own.tokenizer.encode([text])[0].ids) for text in pair) for pair in pairs]
    read = {
        place: int(mask.sum()) - 3  # less [CLS] and two [SEP]
        for batch, places in own.text_batches(pairs, batch_size=8)
        for place, mask in zip(places, batch.attention_mask, strict=True)
    }
    cut = [read[place] < count for place, count in enumerate(tokens)]
    assert 10 < sum(cut) < 50
    file = written(tmp_path / "rows.csv", rows)
    for modes, told in ((("frozen",), None), (("finetuned",), sum(cut) / 60)):
        task = load(classes(file, second_column="other", modes=modes), own)
        assert task.facts.get(CUT_TOGETHER) == told


def test_what_a_second_text_gives_away_is_found(own: Corpus, tmp_path: Path) -> None:
    words = {"yes": "surely", "no": "never"}
    rows = [{**row, "other": f"it is {words[row['label']]} so"} for row in labelled(200)]
    task = load(classes(written(tmp_path / "rows.csv", rows), second_column="other"), own)
    found = {name: measured[0].value for name, measured in task.baselines().items()}
    assert found["TF-IDF, second text alone"] == 1.0


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("metric", ["accuracy", "entity_f1"])
def test_the_users_own_tags(own: Corpus, tmp_path: Path, ending: str, metric: str) -> None:
    rows: list[dict[str, Any]] = tagged(60)
    if ending == "csv":
        rows = [{name: " ".join(row[name]) for name in ("tokens", "tags")} for row in rows]
    probe = TaggingProbe(
        name="mine", path=str(written(tmp_path / f"t.{ending}", rows)), metric=metric
    )
    task = load(probe, own)
    assert isinstance(task, TaggingTask)
    assert task.facts["tags"] == 3
    assert task.facts["training sentences"] + task.facts["test sentences"] == 60
    assert task.baselines()["commonest tag of the word"][0].value == 1.0


@pytest.mark.parametrize(
    ("changed", "settings", "message"),
    [
        ({"tags": ["O"]}, {}, "row 60 of .* has 3 words in column 'tokens' and 1 items in 'tags'"),
        ({"tags": ["O", "X", "O"]}, {"metric": "entity_f1"}, "holds the tag 'X'; entity_f1 asks"),
        ({"tokens": ["a", "", "b"]}, {}, "'tokens' holds a list whose item 2 is empty"),
        ({"tokens": {"a": 1}}, {}, "'tokens' holds an object, not a list of words"),
        ({"tokens": "['a', 'b', 'c']"}, {}, "'tokens' holds a list that was written as a text"),
        ({"tokens": "['a' 'b'\n 'c']"}, {}, "'tokens' holds a list that was written as a text"),
    ],
)
def test_tags_that_cannot_be_used(
    tmp_path: Path, changed: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    rows = [*tagged(59), {**tagged(1)[0], **changed}]
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    probe = TaggingProbe(name="mine", path=str(file), test_share=0.5, **settings)
    with pytest.raises(ValueError, match=f"^probe mine: .*{message}"):
        opened(probe)


def test_one_tag_is_nothing_to_learn(tmp_path: Path) -> None:
    file = written(tmp_path / "t.jsonl", tagged(60, tags="O O O"))
    with pytest.raises(ValueError, match=r"1 tag\(s\) in column 'tags'"):
        opened(TaggingProbe(name="mine", path=str(file)))
    file = written(tmp_path / "one.csv", [{"tokens": f"a,{i}", "tags": "X,Y"} for i in range(60)])
    with pytest.raises(ValueError, match=r"no sentence of .* has two words; row \d+ of .* 'a,\d+'"):
        opened(TaggingProbe(name="mine", path=str(file)))
    with pytest.raises(ValueError, match="metric is 'f1'; choose from accuracy, entity_f1"):
        TaggingProbe(name="mine", path=str(file), metric="f1")


def test_the_users_own_minimal_pairs(own: Corpus, tmp_path: Path) -> None:
    rows = [
        {"sentence_good": f"cats run {i}", "sentence_bad": f"cats runs {i}", "kind": f"k{i % 3}"}
        for i in range(59)
    ]
    rows.append({"sentence_good": "same", "sentence_bad": "same", "kind": "k0"})
    file = written(tmp_path / "pairs.csv", rows)
    task = load(MinimalPairsProbe(name="mine", path=str(file), kind_column="kind"), own)
    assert task.facts["pairs"] == 60
    assert task.facts["pairs of equal sentences, half a point to every model"] == 1
    assert {m.metric.name for m in task.baselines()["chance"]} == {
        "accuracy_macro",
        "accuracy_macro_per_token",
    }
    equal = written(
        tmp_path / "equal.csv", [{**row, "sentence_bad": row["sentence_good"]} for row in rows]
    )
    with pytest.raises(ValueError, match="hold the same sentences"):
        opened(MinimalPairsProbe(name="mine", path=str(equal)))


def test_published_sets_load_and_have_their_simple_baselines(own: Corpus, hub_dir: Path) -> None:
    """../shared/data/README.md has the figures of the whole training sets."""
    blimp = MinimalPairsProbe(
        name="blimp", path="nyu-mll/blimp", folder="blimp", test_split="train", kind_column="UID"
    )
    assert load(blimp, own, hub_dir).facts["pairs"] == 5000
    tags = TaggingProbe(
        name="ewt_pos",
        path="ud_english_ewt",
        tags_column="upos",
        test_split="test",
        max_train=20_000,
        max_test=5_000,
    )
    task = load(tags, own, hub_dir)
    assert task.facts["test words"] == 25_094
    known = task.baselines()["commonest tag of the word"][0].value
    assert known == pytest.approx(0.862, abs=0.01)
    entities = TaggingProbe(
        name="wnut17", path="wnut_17", tags_column="ner_tags", test_split="test", metric="entity_f1"
    )
    assert load(entities, own, hub_dir).facts["tags"] == 13
    snli = classes(
        "snli_small",
        text_column="premise",
        second_column="hypothesis",
        test_split="test",
        max_test=10_000,
    )
    alone = load(snli, own, hub_dir).baselines()["TF-IDF, second text alone"][0].value
    assert alone == pytest.approx(0.571, abs=0.02)
    tense = classes("probing_ewt", test_split="test", where_column="task", where_value="tense")
    # Rows of 32 tokens hold most of a sentence.
    found = load(tense, own, hub_dir).baselines()["TF-IDF"][0].value
    assert found == pytest.approx(0.877, abs=0.05)


def test_the_last_word_of_the_users_own_texts(own: Corpus, tmp_path: Path) -> None:
    rows = [{"text": f" the cat {i} sat on the  cat\n"} for i in range(60)]
    file = written(tmp_path / "texts.jsonl", rows)
    task = load(LastWordProbe(name="mine", path=str(file)), own)
    assert isinstance(task, LastWordTask)
    assert all(text.endswith("sat on the  cat") for text in task.test.known)
    assert task.facts["texts whose last word stands in them before"] == 1.0
    written(file, [*rows, {"text": "alone "}])
    with pytest.raises(ValueError, match=r"row .* holds 'alone' .* two words at least"):
        opened(LastWordProbe(name="mine", path=str(file)))
