"""The probe on labels of the user's own: their texts stay as they are, in any language."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_corpus import build, document

from runners.corpora.corpus import Corpus
from runners.probes.base import NotApplicableError, Task
from runners.probes.classification import ClassificationTask
from runners.probes.library import LibraryProbe


def rows_of(texts: list[str], labels: list[str]) -> list[dict[str, Any]]:
    return [{"text": text, "label": labels[i % len(labels)]} for i, text in enumerate(texts)]


def three(make: Any, labels: list[str]) -> dict[str, list[dict[str, Any]]]:
    sizes = {"train": (0, 120), "validation": (1000, 20), "test": (2000, 60)}
    return {
        split: rows_of([make(first + i) for i in range(count)], labels)
        for split, (first, count) in sizes.items()
    }


def load(corpus: Corpus) -> Task:
    return LibraryProbe(name="l").load(corpus, hub_dir=None, cache_dir=corpus.folder)


def test_labels_of_the_users_own_stay_in_the_text(tmp_path: Path) -> None:
    def make(i: int) -> str:
        return f"It was {i} in 2015 and numpy gave no 1 of 5.\n\n{document(i)}"

    corpus = build(tmp_path, three(make, ["1", "5", "it", "no", "numpy"]), label_column="label")
    task = load(corpus)
    assert isinstance(task, ClassificationTask)
    assert all(
        text.startswith("It was") and text.endswith("in 2015 and numpy gave no 1 of 5.")
        for text in [*task.train.texts, *task.test.known.texts]
    )


def test_texts_without_spaces_count_by_their_characters(tmp_path: Path) -> None:
    def make(i: int) -> str:
        generator = np.random.default_rng(i)
        return "".join(chr(0x4E00 + place) for place in generator.integers(0, 500, 40))

    task = load(build(tmp_path, three(make, ["a", "b"]), label_column="label"))
    assert task.facts["classes"] == 2
    assert task.facts["test examples"] == 60


@pytest.mark.parametrize(
    ("settings", "make", "reason"),
    [
        ({}, document, "has no labels .set dataset.label_column"),
        ({"label_column": "label"}, lambda i: f"Too short {i}.", "a sentence of 4 words"),
        ({"label_column": "label"}, lambda i: f"Quite long enough.\n\n{document(i)}", "4 words"),
    ],
)
def test_the_reason_that_is_given_is_the_true_one(
    tmp_path: Path, settings: dict[str, Any], make: Any, reason: str
) -> None:
    corpus = build(tmp_path, three(make, ["a", "b"]), **settings)
    with pytest.raises(NotApplicableError, match=reason):
        load(corpus)


def test_hidden_labels_of_one_split_are_named(tmp_path: Path) -> None:
    rows = three(document, ["a", "b"])
    rows["test"] = [{**row, "label": None} for row in rows["test"]]
    with pytest.raises(NotApplicableError, match=r"the test split of .* has no labels"):
        load(build(tmp_path, rows, label_column="label"))
