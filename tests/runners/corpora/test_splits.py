from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from runners.corpora.document import SPLITS, CorpusConfig, Document
from runners.corpora.splits import read_documents, shingles, write_splits


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


CONFIG = CorpusConfig(validation_share=0.2, test_share=0.3)


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
    assert (counts.read, counts.repeats, counts.near_repeats) == (5, 1, 1)
    found = sides(tmp_path)
    assert [d.text for d in found["test"]] == [unlike]
    assert [d.text for d in found["validation"]] == ["short"]


def test_shingles_are_runs_of_eight_words() -> None:
    text = "a b c d e f g h i"
    assert len(shingles(text)) == 2
    assert shingles("a b c d e f g h")[0] == shingles(text)[0]
    assert shingles("b c d e f g h i")[0] == shingles(text)[1]
    assert shingles("a b c d e f h g")[0] != shingles(text)[0]
    assert len(shingles("a b c")) == 0
    assert shingles(text).dtype == np.uint64


def test_at_most_max_documents(tmp_path: Path) -> None:
    counts = write_splits(Listed(numbered(50, 50)), CorpusConfig(max_documents=20), tmp_path)
    assert counts.read == 20
