import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest

from runners.corpora.document import SPLITS, Document, count_groups
from runners.corpora.local import LocalConfig
from runners.corpora.splits import drop_documents, read_documents, shingles, write_splits


class Listed:
    fingerprint = "x"
    in_random_order = False
    notes = ()

    def __init__(
        self,
        documents: Sequence[Document],
        splits: frozenset[str] = frozenset(),
        sides: Mapping[str, str] | None = None,
    ) -> None:
        self._documents, self.splits, self.sides = documents, splits, sides or {}

    def alone(self) -> None:
        return None

    def documents(self) -> Iterator[Document]:
        return iter(self._documents)


def sides(folder: Path) -> dict[str, list[Document]]:
    return {
        split: [d for batch in read_documents(folder, split) for d in batch] for split in SPLITS
    }


def numbered(count: int, groups: int) -> list[Document]:
    return [Document(f"text number {i}", group=f"g{i % groups}") for i in range(count)]


CONFIG = LocalConfig(path="x", validation_share=0.2, test_share=0.3)


def test_no_group_stands_on_two_sides_and_shares_are_met(tmp_path: Path) -> None:
    counts = write_splits(Listed(numbered(2000, 500)), CONFIG, tmp_path)
    found = sides(tmp_path)
    groups = {split: {d.group for d in documents} for split, documents in found.items()}
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["validation"]
    assert not groups["validation"] & groups["test"]
    assert sum(counts.kept.values()) == 2000
    assert abs(len(groups["test"]) / 500 - 0.3) < 0.07
    assert abs(len(groups["validation"]) / 500 - 0.2) < 0.07


def test_the_side_depends_on_the_group_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    documents = numbered(300, 100)
    write_splits(Listed(documents), CONFIG, tmp_path / "a")
    write_splits(Listed(documents[::-1][:100]), CONFIG, tmp_path / "b")
    whole = {d.text: split for split, ds in sides(tmp_path / "a").items() for d in ds}
    part = {d.text: split for split, ds in sides(tmp_path / "b").items() for d in ds}
    assert all(whole[text] == split for text, split in part.items())


def test_the_sources_own_splits_are_kept_and_missing_ones_drawn_from_training(
    tmp_path: Path,
) -> None:
    documents = [Document(f"t{i}", f"t{i}", split="train") for i in range(200)]
    documents += [Document(f"v{i}", f"v{i}", split="test") for i in range(30)]
    write_splits(Listed(documents, frozenset({"train", "test"})), CONFIG, tmp_path)
    found = sides(tmp_path)
    assert {d.text for d in found["test"]} == {f"v{i}" for i in range(30)}
    assert 20 < len(found["validation"]) < 60
    assert all(d.text.startswith("t") for d in found["validation"])


def test_repeats_and_near_repeats_are_dropped_and_counted(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(60)]
    long = " ".join(words)
    near = " ".join([*words[:50], "some", "other", "end", "of", "it"])
    unlike = " ".join(f"u{i}" for i in range(60))
    documents = [
        Document(long, "a", split="train"),
        Document(long + " \n", "b", split="train"),
        Document(near, "c", split="test"),
        Document(unlike, "d", split="test"),
        Document("short", "e", split="validation"),
        Document("  \n", "f", split="train"),
    ]
    counts = write_splits(Listed(documents, frozenset(SPLITS)), CONFIG, tmp_path)
    assert (counts.read, counts.repeats, counts.near_repeats, counts.blank) == (5, 1, 1, 1)
    found = sides(tmp_path)
    assert [d.text for d in found["test"]] == [unlike]
    assert [d.text for d in found["validation"]] == ["short"]


def test_groups_are_counted_no_further_than_needed() -> None:
    groups = iter(["a", "b", "a", "c", "d"])
    assert count_groups(groups, 3) == 3
    assert next(groups) == "d"
    assert count_groups(["a", "b", "a"], 3) == 2
    assert count_groups([], 3) == 0


def test_what_two_held_out_texts_share_is_found_in_both(tmp_path: Path) -> None:
    long = " ".join(f"w{i}" for i in range(60))
    documents = [
        Document(long, "a", split="train"),
        Document(f"one {long}", "b", split="test"),
        Document(f"{long} two", "c", split="validation"),
        Document(f"{long} three", "d", split="test"),
        Document("short", "e", split="test"),
    ]
    counts = write_splits(Listed(documents, frozenset(SPLITS)), CONFIG, tmp_path)
    assert (counts.near_repeats, counts.kept) == (3, {"train": 1, "validation": 0, "test": 1})


def test_few_documents_are_in_memory_where_they_are_long(tmp_path: Path) -> None:
    """Four thousand books at a time do not fit into any."""
    short = [Document(f"text {i}", "a", split="train") for i in range(5000)]
    books = [Document(f"{i} " + "word " * 500_000, "b", split="train") for i in range(9)]
    write_splits(Listed([*short, *books], frozenset(SPLITS)), CONFIG, tmp_path)
    assert [len(batch) for batch in read_documents(tmp_path, "train")] == [4096, 906, 2, 2, 2, 1]
    drop_documents(tmp_path, "train", [True] * 5000 + [i % 2 == 0 for i in range(9)])
    batches = [*read_documents(tmp_path, "train")]
    assert [len(batch) for batch in batches] == [4096, 905, 1, 1, 1, 1]
    assert [book[-1].text[0] for book in batches[1:]] == ["0", "2", "4", "6", "8"]


def test_shingles_are_runs_of_eight_words() -> None:
    text = "a b c d e f g h i"
    assert len(shingles(text)) == 2
    assert shingles("a b c d e f g h")[0] == shingles(text)[0]
    assert shingles("b c d e f g h i")[0] == shingles(text)[1]
    assert shingles("a b c d e f h g")[0] != shingles(text)[0]
    assert len(shingles("a b c")) == 0
    assert shingles(text).dtype == np.uint64


def test_at_most_max_documents(tmp_path: Path) -> None:
    counts = write_splits(
        Listed(numbered(50, 50)), LocalConfig(path="x", max_documents=20), tmp_path
    )
    assert counts.read == 20


def test_max_documents_are_taken_at_random_and_the_same_every_time(tmp_path: Path) -> None:
    documents = [Document(f"text number {i}", group=f"g{i}") for i in range(2000)]
    documents += [Document("a text that is everywhere", group="x")] * 500
    config = LocalConfig(path="x", validation_share=0.2, test_share=0.3, max_documents=200)
    found = []
    for name, given in (("a", documents), ("b", documents[::-1])):
        (tmp_path / name).mkdir()
        write_splits(Listed(given), config, tmp_path / name)
        found.append({d.text: s for s, ds in sides(tmp_path / name).items() for d in ds})
    assert found[0] == found[1]
    numbers = [int(text.split()[-1]) for text in found[0] if text[-1].isdigit()]
    assert 199 <= len(numbers) <= 200
    assert 800 < sum(numbers) / len(numbers) < 1200  # not the first ones
    counts = [list(found[0].values()).count(split) for split in SPLITS]
    assert 70 < counts[0] < 130  # and the hash that takes them does not decide their sides
    assert 20 < counts[1] < 65
    assert 35 < counts[2] < 85


def test_max_documents_are_of_each_split_of_the_source(tmp_path: Path) -> None:
    documents = [Document(f"{split} {i}", f"{i}", split) for split in SPLITS for i in range(50)]
    counts = write_splits(
        Listed(documents, frozenset(SPLITS)), LocalConfig(path="x", max_documents=20), tmp_path
    )
    assert counts.kept == dict.fromkeys(SPLITS, 20)


def test_a_source_in_random_order_is_read_no_further_than_needed(tmp_path: Path) -> None:
    class Endless(Listed):
        in_random_order = True

        def documents(self) -> Iterator[Document]:
            return (Document(f"text {i}", group=f"g{i}") for i in itertools.count())

    assert write_splits(Endless([]), LocalConfig(path="x", max_documents=30), tmp_path).read == 30


def test_the_source_says_on_which_side_a_file_stands(tmp_path: Path) -> None:
    named = {"a.txt": "test", "b.txt": "validation", "c.txt": "train"}
    documents = [Document(f"text {i}", group=f"{'abc'[i % 3]}.txt") for i in range(300)]
    counts = write_splits(Listed(documents, sides=named), CONFIG, tmp_path)
    assert counts.kept == {"train": 100, "validation": 100, "test": 100}
    assert {d.group for d in sides(tmp_path)["test"]} == {"a.txt"}


CHARACTERS = {
    "Chinese": "天地人山水火木金土日月星云雨风花草鸟鱼马牛羊书笔纸门窗",
    "Japanese": "のにをはがでとあいうえおかきくけこさしす山川日本東京アイウエオ",
    "Thai": "กขคงจชซญดตถทธนบปผพฟภมยรลวศสหอะาิีึืุูเแโใไ่้",
    "nucleotides": "ACGT",
}


@pytest.mark.parametrize("script", CHARACTERS)
def test_near_repeats_are_found_where_no_spaces_separate_words(tmp_path: Path, script: str) -> None:
    random = Random(0)
    texts = ["".join(random.choices(CHARACTERS[script], k=400)) for _ in range(40)]
    documents = [Document(text, f"a{i}", split="train") for i, text in enumerate(texts)]
    changed = [text[:200] + "x" + text[201:] for text in texts[:15]]
    others = ["".join(random.choices(CHARACTERS[script], k=400)) for _ in range(15)]
    documents += [Document(text, text, split="test") for text in changed + others]
    documents.append(Document("held out", "v", split="validation"))
    counts = write_splits(Listed(documents, frozenset(SPLITS)), CONFIG, tmp_path)
    assert counts.near_repeats == 15
    assert [d.text for d in sides(tmp_path)["test"]] == others


def test_spaces_and_breaks_do_not_hide_a_repeat_in_chinese() -> None:
    text = CHARACTERS["Chinese"][:25]
    assert np.array_equal(shingles(text), shingles(f"{text[:9]}\n{text[9:20]} {text[20:]}"))
    assert len(shingles(text)) == 25 - 11
    assert len(shingles(text[:11])) == 0


def test_words_stay_the_unit_of_texts_with_spaces() -> None:
    plain = "she sat in the old house by the river and read a letter"
    assert len(shingles(plain)) == len(plain.split()) - 7
    for name in ("東京大学", "Zoë", "한국어 문장 은", "https://example.org/" + "a" * 90):
        assert len(shingles(f"{plain} {name}")) == len(f"{plain} {name}".split()) - 7
