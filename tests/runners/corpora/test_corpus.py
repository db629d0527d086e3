import itertools
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_tokenizer import save_with_unknown

from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.document import SPLITS
from runners.corpora.files import whole_file_sides
from runners.corpora.local import LocalConfig
from runners.corpora.pydocs import PydocsConfig


def silent(line: str) -> None:
    pass


def test_rows_hold_the_documents_text(corpus: Corpus) -> None:
    documents = corpus.documents("test")
    rows = corpus.rows("test")
    for index in (0, 7, len(documents) - 1):
        own = [i for i in range(len(rows)) if rows.table["document"][i] == index]
        ids = np.concatenate([rows.tokens(i) for i in own])
        assert corpus.tokenizer.decode(ids.tolist()) == documents["text"][index]
        num_bytes = sum(int(rows.table["num_bytes"][i]) for i in own)
        assert num_bytes == len(documents["text"][index].encode())
    assert len(documents) == corpus.card.documents.kept["test"]


def test_no_text_or_module_is_on_two_sides(corpus: Corpus) -> None:
    texts, groups = [], []
    for split in SPLITS:
        documents = corpus.documents(split)
        texts.append(set(documents["text"]))
        groups.append(set(documents["group"]))
    for first, second in itertools.combinations(range(3), 2):
        assert not texts[first] & texts[second]
        assert not groups[first] & groups[second]


def test_the_splits_are_alike_under_a_unigram_model(corpus: Corpus) -> None:
    nats = corpus.card.unigram_nats
    assert max(nats.values()) - min(nats.values()) < 0.15


def test_the_batch_at_a_step_follows_from_data_seed_and_step(corpus: Corpus) -> None:
    whole = list(itertools.islice(corpus.batches("train", batch_size=8, seed=3), 12))
    late = next(corpus.batches("train", batch_size=8, seed=3, start_step=9))
    assert whole[9].input_ids.equal(late.input_ids)
    assert whole[9].row_ids.equal(late.row_ids)
    other = next(corpus.batches("train", batch_size=8, seed=4))
    assert not whole[0].row_ids.equal(other.row_ids)


def test_batches_are_rows_between_their_ends(corpus: Corpus) -> None:
    batch = next(corpus.batches("train", batch_size=16, seed=0))
    vocabulary = corpus.vocabulary
    lengths = batch.attention_mask.sum(1)
    assert (batch.input_ids[:, 0] == vocabulary.cls_id).all()
    for row, length in zip(batch.input_ids, lengths, strict=True):
        assert row[length - 1] == vocabulary.sep_id
        assert (row[length:] == vocabulary.pad_id).all()
        assert not vocabulary.is_special[row[1 : length - 1]].any()
    assert batch.input_ids.shape[1] <= corpus.card.sequence_length


def test_little_is_padding(corpus: Corpus) -> None:
    batches = list(itertools.islice(corpus.batches("train", batch_size=8, seed=0), 200))
    real = sum(int(batch.attention_mask.sum()) for batch in batches)
    assert real / sum(batch.attention_mask.numel() for batch in batches) > 0.9


def test_it_is_built_once_and_the_same_every_time(
    corpus: Corpus, built: Path, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    said: list[str] = []
    again = build_corpus(small_pydocs, output_dir=built, say=said.append)
    assert not said
    assert again.folder == corpus.folder
    elsewhere = build_corpus(small_pydocs, output_dir=tmp_path, say=said.append)
    assert said
    assert elsewhere.card == corpus.card


def test_another_setting_is_another_corpus(
    built: Path, small_pydocs: PydocsConfig, corpus: Corpus
) -> None:
    shorter = build_corpus(replace(small_pydocs, sequence_length=32), output_dir=built, say=silent)
    assert shorter.folder != corpus.folder
    assert shorter.rows("train").table["length"].max() == 30


def test_an_interrupted_build_leaves_nothing_half_written(
    tmp_path: Path, small_pydocs: PydocsConfig
) -> None:
    def stop(line: str) -> None:
        if line.startswith("tokenizing"):
            raise KeyboardInterrupt

    few = replace(small_pydocs, max_documents=2000)
    with pytest.raises(KeyboardInterrupt):
        build_corpus(few, output_dir=tmp_path, say=stop)
    assert not list((tmp_path / "corpora").glob("*/*"))
    assert build_corpus(few, output_dir=tmp_path, say=silent).card.rows["train"] > 0


def test_a_damaged_corpus_is_not_read(tmp_path: Path, corpus: Corpus) -> None:
    copy = tmp_path / "corpora" / corpus.folder.name
    shutil.copytree(corpus.folder, copy)
    file = copy / "train-00000.tokens"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged .* delete"):
        Corpus(copy)


SENTENCES = [f"The quick brown fox number {i} jumps over what lies there." for i in range(400)]


def build(folder: Path, said: list[str] | None = None, **settings: object) -> Corpus:
    config = LocalConfig(vocabulary_size=600, sequence_length=32, **settings)  # type: ignore[arg-type]
    return build_corpus(
        config, output_dir=folder / "out", say=[].append if said is None else said.append
    )


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("", {}, "it has no text; give documents$"),
        ("a\n\nb", {}, "2 documents leave 0 for .*dataset.unit=line takes every line"),
        ("only one line", {}, "1 documents leave 0 for validation .*there is one file"),
        ("a\n\nb\n\nc", {}, "3 documents"),
        ("word " * 9000, {"unit": "line"}, "A line is a document; break long lines"),
        ("word " * 9000, {"unit": "file"}, "The file is one document"),
        ("one line\n" * 500, {"unit": "line"}, "500 documents, left out 499 that repeat others, l"),
    ],
)
def test_a_corpus_that_is_too_small_is_refused_with_the_reason(
    tmp_path: Path, content: str, settings: dict[str, str], message: str
) -> None:
    (tmp_path / "t.txt").write_text(content)
    with pytest.raises(ValueError, match=f"too small: .*{message}"):
        build(tmp_path, path=str(tmp_path / "t.txt"), **settings)
    assert not list((tmp_path / "out" / "corpora").glob("*/card.json"))


def test_rows_without_text_are_counted(tmp_path: Path) -> None:
    rows = [{"text": text} for text in SENTENCES] + [{"text": None}, {"text": " "}] * 3
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    documents = build(tmp_path, path=str(tmp_path / "t.jsonl")).card.documents
    assert (documents.read, documents.blank) == (400, 6)
    (tmp_path / "none.jsonl").write_text('{"text": null}\n' * 50)
    with pytest.raises(ValueError, match="it has no text, all 50 documents are blank; give"):
        build(tmp_path, path=str(tmp_path / "none.jsonl"))


def test_a_text_without_a_token_is_left_out(tmp_path: Path) -> None:
    """Zero-width marks: some tokenizers drop them."""
    save_with_unknown(tmp_path / "tokenizer")
    pairs = [{"a": text, "b": f"And then {text}"} for text in SENTENCES]
    for place, mark in ((0, "\u200b"), (201, "\u200e"), (399, "\u200b\u200f")):
        pairs[place] = {"a": mark, "b": mark}
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in pairs))
    settings = {"path": str(tmp_path / "t.jsonl"), "tokenizer": str(tmp_path / "tokenizer")}
    for columns in ({"text_column": "a"}, {"pair_columns": ("a", "b")}):
        corpus = build(tmp_path, **settings, **columns)
        kept = corpus.card.documents.kept
        assert corpus.card.documents.tokenless == 3
        assert sum(kept.values()) == 397
        for split in SPLITS:
            documents = corpus.documents(split)
            assert len(documents) == kept[split]
            table = corpus.rows(split).table
            assert set(table["document"]) == set(range(kept[split]))
            row = int(np.flatnonzero(table["document"] == kept[split] - 1)[0])
            first_words = corpus.tokenizer.decode(corpus.rows(split).tokens(row).tolist())
            assert "fox" in first_words
            assert first_words.split("number ")[1].split()[0] in documents["text"].iloc[-1]


def test_the_share_of_unknown_text_is_told(tmp_path: Path) -> None:
    save_with_unknown(tmp_path / "tokenizer")
    settings = {"unit": "line", "tokenizer": str(tmp_path / "tokenizer")}
    some = [text.replace("over", "\N{GRINNING FACE}") for text in SENTENCES]
    (tmp_path / "some.txt").write_text("\n".join(some))
    said: list[str] = []
    corpus = build(tmp_path, said, path=str(tmp_path / "some.txt"), **settings)
    assert re.search(r"% of the tokens stand for text that the tokenizer", said[-1])
    unknown = corpus.tokenizer.unknown_id
    assert unknown is not None
    counts = sum(corpus.rows(split).token_counts(corpus.vocabulary.size) for split in SPLITS)
    assert corpus.card.unknown_share == pytest.approx(counts[unknown] / counts.sum())
    assert 0.05 < corpus.card.unknown_share < 0.3
    assert max(corpus.card.unigram_nats.values()) < 5  # it is predicted like any other
    (tmp_path / "all.txt").write_text(
        "\n".join(f"{chr(0x4E00 + i)} {chr(0x5E00 + i)}" for i in range(300))
    )
    with pytest.raises(ValueError, match=r"100\.0% of its tokens stand for unknown text"):
        build(tmp_path, path=str(tmp_path / "all.txt"), **settings)


def books(folder: Path, count: int, paragraphs: int) -> str:
    folder.mkdir()
    for book in range(count):
        texts = (f"Book {book} tells in part {i} of a fox." for i in range(paragraphs))
        (folder / f"{book}.txt").write_text("\n\n".join(texts))
    return str(folder)


def test_no_book_stands_on_two_sides(tmp_path: Path) -> None:
    path = books(tmp_path / "books", 12, 30)
    corpus = build(tmp_path, path=path)
    assert corpus.card.notes == ["each file stands whole on one side"]
    sides = [set(corpus.documents(split)["text"].str.split().str[1]) for split in SPLITS]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert [len(side) for side in sides] == [10, 1, 1]
    # One book is no sample to draw intervals from: there each paragraph is a unit of its own.
    assert corpus.documents("test")["group"].nunique() == corpus.card.documents.kept["test"]
    assert corpus.documents("train")["group"].nunique() == 10


def test_paragraphs_stand_alone_where_books_are_few(tmp_path: Path) -> None:
    path = books(tmp_path / "books", 2, 300)
    few = "2 files are too few or too unequal to be held out whole"
    assert build(tmp_path, path=path).card.notes == [f"each paragraph stands alone: {few}"]
    assert not build(tmp_path, path=path, group="document").card.notes
    with pytest.raises(ValueError, match=r"group=file: 2 .txt file\(s\) .* cannot be parted into"):
        build(tmp_path, path=path, group="file")


def test_paragraphs_stand_alone_where_whole_books_leave_too_few(tmp_path: Path) -> None:
    path = books(tmp_path / "books", 20, 40)
    shares = {"validation": 0.05, "test": 0.05}
    sizes = {file.name: file.stat().st_size for file in Path(path).iterdir()}
    for name in whole_file_sides(sizes, shares):  # those have one paragraph, of the same length
        file = Path(path) / name
        file.write_text(file.read_text().replace("\n\n", " \n"))
    corpus = build(tmp_path, path=path)
    assert corpus.card.notes == ["each paragraph stands alone: whole files leave too few"]
    assert min(corpus.card.documents.kept.values()) >= 8
    with pytest.raises(ValueError, match=r"leave \d for .*each file stands whole.*group=document"):
        build(tmp_path, path=path, group="file")


def test_how_a_folder_is_read_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, part in (("train", SENTENCES[:300]), ("test", SENTENCES[300:])):
        (folder / f"{name}.txt").write_text("\n\n".join(part))
    (folder / "README.md").write_text("about")
    said: list[str] = []
    build(tmp_path, said, path=str(folder))
    assert "split by the names of files: test from test.txt, train from train.txt" in said[0]
    assert "1 file(s) passed over: 1 .md" in said[0]
    assert "each paragraph stands alone: there is one file" in said[0]


def test_the_card_is_plain_json(corpus: Corpus) -> None:
    card = json.loads((corpus.folder / "card.json").read_text())
    assert card["fingerprint"] == corpus.card.fingerprint
    assert sum(card["num_bytes"].values()) == sum(
        len(text.encode()) for split in SPLITS for text in corpus.documents(split)["text"]
    )
