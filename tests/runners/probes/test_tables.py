"""Tables of the user's own: what is wrong with one is said before anything is built or trained."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from experiments import experiment
from made_corpus import build, document
from made_tables import classes, labelled, load, opened, scored, written

import runners.job
from results.facts import NAMED_MISSING
from runners.configuration.build import pick
from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig
from runners.facts import provenance
from runners.job import Job, prepare
from runners.probes.base import PROBES
from runners.probes.classification import ClassificationProbe, ClassificationTask
from runners.probes.last_word import LastWordProbe
from runners.probes.similarity import SimilarityProbe, SimilarityTask
from runners.progress import Silent


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(40)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    return build(tmp_path_factory.mktemp("own"), rows)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return written(tmp_path / "reviews.csv", labelled(60))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "{folder}"}, "is a folder; name a table in it .it holds more.csv, reviews.csv"),
        ({"path": "{folder}/review.csv"}, "there is no file .*; did you mean .*reviews.csv"),
        ({"path": "{folder}/none/x.csv"}, "there is no file .*x.csv"),
        ({"path": "{folder}/none"}, "there is no file"),
        ({"path": "./none"}, "there is no file"),
        ({"path": "reviews.xlsx"}, "there is no file reviews.xlsx"),
        ({"path": ""}, "path is empty"),
        ({"path": "{folder}/notes.txt"}, "is no table"),
        ({"test_split": "test"}, "test_split is 'test', and .* is a file.*test_path"),
        ({"train_split": "all"}, "train_split is 'all', and .* is a file"),
        ({"subset": "en"}, "subset is 'en', and .* is a file"),
        ({"test_path": "{folder}/reviews.csv"}, "are one file"),
        ({"test_path": "{folder}"}, "test_path: .* is a folder"),
        ({"test_path": "{folder}/other.csv"}, "test_path: there is no file"),
        ({"test_path": "{folder}/more.csv", "test_share": 0.5}, "exclude each other"),
        ({"path": "owner/name", "test_path": "{folder}/more.csv"}, "tested on its test_split"),
        ({"label_column": "text"}, "must be different ones"),
        ({"label_column": "labels"}, "has no column 'labels'; did you mean 'label'"),
        ({"text_column": "texts"}, "has no column 'texts'"),
        ({"max_test": 5}, "leaves 5 example.* max_test"),
        ({"test_share": 1.0}, "leaves 0 training examples"),
    ],
)
def test_settings_that_cannot_be_meant(table: Path, settings: dict[str, Any], message: str) -> None:
    written(table.parent / "more.csv", labelled(60))
    (table.parent / "notes.txt").write_text("a\tb\n")
    settings = {
        key: value.format(folder=table.parent) if isinstance(value, str) else value
        for key, value in {"path": str(table), **settings}.items()
    }
    with pytest.raises(ValueError, match=f"^probe mine: .*{message}"):
        opened(classes(**settings))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (labelled(60), [{**row, "label": -1} for row in labelled(20)], "hidden labels"),
        (labelled(60), [{**row, "label": "maybe"} for row in labelled(20)], "'maybe'.*'no', 'yes'"),
        ([{**row, "label": "x"} for row in labelled(60)], labelled(20), "at least 2"),
        (labelled(60), labelled(7), "leaves 7 example"),
        (labelled(60), [{**row, "text": " "} for row in labelled(20)], "20 rows have no text"),
        (labelled(60), [{**row, "label": None} for row in labelled(20)], "20 rows have no text"),
    ],
)
@pytest.mark.parametrize("hub", [False, True])
def test_labels_that_cannot_be_tested_on(
    tmp_path: Path, train: Any, test: Any, message: str, hub: bool
) -> None:
    if hub:
        written(tmp_path / "hub/mine/train.parquet", train)
        written(tmp_path / "hub/mine/validation.parquet", test)
        probe = classes("x/mine")
        with pytest.raises(ValueError, match=f"^probe mine: .*{message}"):
            probe.open(hub_dir=tmp_path / "hub", cache_dir=tmp_path / "cache")
        return
    written(tmp_path / "a.jsonl", train)
    written(tmp_path / "b.jsonl", test)
    with pytest.raises(ValueError, match=f"^probe mine: .*{message}"):
        opened(classes(tmp_path / "a.jsonl", test_path=str(tmp_path / "b.jsonl")))


@pytest.mark.parametrize("score", ["nan", "inf", "-Infinity", "high", "3,5", "1 of 5"])
def test_scores_that_are_no_numbers_are_named(tmp_path: Path, score: str) -> None:
    rows = scored(30)
    rows[11]["label"] = score
    written(tmp_path / "pairs.csv", rows)
    probe = SimilarityProbe(name="pairs", path=str(tmp_path / "pairs.csv"))
    with pytest.raises(
        ValueError, match=rf"^probe pairs: .*must hold numbers, and row 12 of .*csv holds '{score}'"
    ):
        opened(probe)


def test_equal_scores_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "pairs.csv", [{**row, "label": 3} for row in scored(30)])
    with pytest.raises(ValueError, match=r"all scores of .* are the same"):
        opened(SimilarityProbe(name="pairs", path=str(tmp_path / "pairs.csv")))


def test_a_second_file_has_no_use_where_nothing_is_trained() -> None:
    with pytest.raises(ValueError, match="test_path has no use"):
        LastWordProbe(name="texts", path="a.csv", test_path="b.csv")


def test_what_a_user_of_similarity_gets_chooses_on_some_of_the_pairs(
    own: Corpus, tmp_path: Path
) -> None:
    """By the settings of the option, which are not those of the class."""
    option = Path(__file__).parents[3] / "conf" / "probe" / "similarity.yaml"
    values = yaml.safe_load(option.read_text())
    file = written(tmp_path / "pairs.jsonl", scored(400))
    probe = pick(PROBES, {**values, "name": "pairs", "path": str(file)}, "probe")
    facts = load(probe, own).facts
    assert facts["pairs on which vectors are chosen"] == 400 - facts["pairs"] >= 40


def test_pairs_to_choose_on_are_taken_off_where_there_are_enough(
    own: Corpus, tmp_path: Path
) -> None:
    for count, chosen_on in ((60, False), (400, True)):
        file = written(tmp_path / f"{count}.jsonl", scored(count))
        task = load(SimilarityProbe(name="pairs", path=str(file)), own)
        held = task.facts.get("pairs on which vectors are chosen", 0)
        assert held + task.facts["pairs"] == count
        assert (held >= 40) == chosen_on
        assert bool(held) == chosen_on


def test_incomplete_pairs_are_left_out_and_counted(own: Corpus, tmp_path: Path) -> None:
    rows = scored(40)
    rows[1]["sentence2"], rows[2]["label"], rows[3]["sentence1"] = "", None, "  "
    written(tmp_path / "pairs.jsonl", rows)
    task = load(SimilarityProbe(name="pairs", path=str(tmp_path / "pairs.jsonl")), own)
    assert isinstance(task, SimilarityTask)
    assert task.facts == {"pairs": 37, "rows without a text or a value, left out": 3}


def test_a_data_set_without_training_rows_can_be_compared_by_similarity(
    own: Corpus, tmp_path: Path
) -> None:
    written(tmp_path / "hub/sts/test.parquet", scored(30))
    probe = SimilarityProbe(name="sts", path="mteb/sts", test_split="test")
    assert load(probe, own, tmp_path / "hub").facts == {"pairs": 30}


def test_nulls_of_a_data_set_are_left_out_and_counted(own: Corpus, tmp_path: Path) -> None:
    rows = labelled(200)
    for row in rows[:60:2]:
        row["label"] = None
    for row in rows[1:20:2]:
        row["text"] = None
    written(tmp_path / "hub/mine/train.parquet", labelled(60, first=500))
    written(tmp_path / "hub/mine/validation.parquet", rows)
    task = load(classes("x/mine"), own, tmp_path / "hub")
    assert isinstance(task, ClassificationTask)
    assert set(task.test.known.labels) == {"yes", "no"}
    assert "None" not in task.test.known.texts
    assert task.facts["test examples"] == 160
    assert task.facts["rows without a text or a value, left out"] == 40


def test_a_data_set_of_one_split_is_divided(own: Corpus, tmp_path: Path) -> None:
    written(tmp_path / "hub/mine/train.parquet", labelled(200))
    with pytest.raises(ValueError, match=r"no split 'validation'.*test_split=train divides it"):
        load(classes("x/mine"), own, tmp_path / "hub")
    task = load(classes("x/mine", test_split="train"), own, tmp_path / "hub")
    assert isinstance(task, ClassificationTask)
    assert not set(task.train.texts) & set(task.test.known.texts)
    assert task.facts["training examples"] + task.facts["test examples"] == 200


def test_nan_is_a_missing_label(own: Corpus, tmp_path: Path) -> None:
    lines = [
        f'{{"text": "text {i}", "label": {"NaN" if i % 4 == 0 else i % 2}}}\n' for i in range(200)
    ]
    (tmp_path / "mine.jsonl").write_text("".join(lines))
    task = load(classes(tmp_path / "mine.jsonl"), own)
    assert isinstance(task, ClassificationTask)
    assert set(task.train.labels) == {"0", "1"}
    assert task.facts["rows without a text or a value, left out"] == 50


def test_a_label_that_looks_like_a_missing_one_is_a_class_and_told(
    own: Corpus, tmp_path: Path
) -> None:
    """Other programs write NaN as a text, which may be a class all the same."""
    rows = labelled(100)
    for row in rows[::5]:
        row["label"] = "NaN"
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = load(classes(file), own)
    assert task.facts["classes"] == 3
    assert task.facts[NAMED_MISSING] == 20
    assert NAMED_MISSING not in load(classes(written(file, labelled(100))), own).facts


def test_another_file_to_test_on(own: Corpus, tmp_path: Path) -> None:
    """Labels of whole numbers that one of the files has as fractions are the same labels."""
    train = [{"text": f"text {i}", "label": i % 3} for i in range(90)]
    test = [{"text": f"TEXT  {i}", "label": str(float(i % 4))} for i in range(80, 120)]
    written(tmp_path / "a.csv", train)
    written(tmp_path / "b.csv", test)
    task = load(classes(tmp_path / "a.csv", test_path=str(tmp_path / "b.csv")), own)
    assert isinstance(task, ClassificationTask)
    assert (len(task.train.texts), len(task.test.known.texts)) == (90, 40)
    assert set(task.test.known.labels) == {"0", "1", "2", "3"}
    assert task.facts == {
        "classes": 3,
        "classes of the test examples": 4,
        "training examples": 90,
        "test examples": 40,
        "test examples of a class that training lacks, which no model can get right": 10,
        "test examples whose text is a training example too": 10,
    }


def test_equal_texts_stand_on_one_side_whatever_their_spacing(own: Corpus, table: Path) -> None:
    rows = [
        *labelled(200),
        *({**row, "text": f" {row['text'].upper()}  "} for row in labelled(200)),
    ]
    task = load(classes(written(table, rows)), own)
    assert isinstance(task, ClassificationTask)
    assert "test examples whose text is a training example too" not in task.facts
    assert len(set(task.test.known.groups)) * 2 == len(task.test.known.texts)


def test_examples_past_the_limits_are_counted(own: Corpus, table: Path) -> None:
    task = load(classes(written(table, labelled(300)), max_train=50, max_test=20), own)
    assert task.facts["training examples"] == 50
    assert task.facts["test examples"] == 20
    left_out = [value for what, value in task.facts.items() if "left out by" in what]
    assert sum(left_out) == 300 - 70


def test_texts_longer_than_a_row_are_counted(own: Corpus, table: Path) -> None:
    rows = labelled(100)
    for row in rows[::4]:
        row["text"] += " and so on" * 50
    task = load(classes(written(table, rows)), own)
    assert task.facts[
        "texts longer than a row, cut for models and simple methods alike"
    ] == pytest.approx(0.25)


def test_rows_without_a_token_are_left_out(
    own: Corpus, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = own.tokenizer.encode

    def without_signs(texts: list[str]) -> Any:
        return encode([text.replace("\u200b", "") for text in texts])

    monkeypatch.setattr(own.tokenizer, "encode", without_signs)
    rows = [*labelled(100), *({"text": "\u200b" * i, "label": "no"} for i in range(1, 6))]
    task = load(classes(written(table, rows)), own)
    assert task.facts["rows of which the tokenizer makes no token, left out"] == 5
    assert task.facts["training examples"] + task.facts["test examples"] == 100
    blank = [{**row, "text": "\u200b" * (i + 1)} for i, row in enumerate(labelled(60))]
    with pytest.raises(ValueError, match=r"^probe mine: .*leaves 0 example"):
        load(classes(written(table, blank)), own)


def test_tables_are_checked_before_a_corpus_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners.job, "build_corpus", lambda *_, **__: pytest.fail("was built"))
    dataset = LocalConfig(path=str(tmp_path), sequence_length=32)
    for probe, message in (
        (classes(tmp_path), "is a folder"),
        (classes(tmp_path / "none.csv"), "there is no file"),
        (classes(written(tmp_path / "few.csv", labelled(9))), "to test on"),
    ):
        with pytest.raises(ValueError, match=message):
            prepare([experiment("mlm", dataset, tmp_path, probes=(probe,))], Silent())


def test_a_record_tells_facts_and_figures_of_every_probe(own: Corpus, table: Path) -> None:
    probe = classes(table, modes=("finetuned", "frozen"))
    config = experiment(
        "mlm", LocalConfig(path="x", sequence_length=32), table.parent, probes=(probe,)
    )
    known = provenance(Job(config, own, {"mine": load(probe, own)}, {}))
    assert known["probe_facts"]["mine"]["classes"] == 2
    (told,) = known["config"]["probes"].values()
    assert told["name"] == "mine"
    assert probe.main_metric == "accuracy_frozen"
    assert [metric.name for metric in probe.metrics] == ["accuracy_frozen", "accuracy_finetuned"]


def test_a_number_that_is_no_file_and_a_pipe_are_told(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    probe = ClassificationProbe(name="p", path="2024")
    with pytest.raises(ValueError, match=r"there is no file 2024.*nor is there a data set 2024"):
        probe.open(hub_dir=tmp_path / "hub", cache_dir=tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    probe = ClassificationProbe(name="p", path=str(tmp_path / "pipe.csv"))
    with pytest.raises(ValueError, match=r"pipe\.csv is no regular file"):
        probe.open(hub_dir=None, cache_dir=tmp_path)
