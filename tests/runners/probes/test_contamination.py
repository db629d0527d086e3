"""Runs of words that test texts share with pretraining text, and facts of tasks that tell them."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made_corpus import build, document, sentence
from made_tables import classes, load, written

import runners.probes.overlap as overlap
from results.facts import COPIED, RUN_WORDS, RUNS_HELD, WITH_RUN
from runners.corpora.corpus import Corpus
from runners.corpora.document import Document
from runners.corpora.splits import read_documents
from runners.probes.contamination import coded, held_in_training, shared_runs

WORDS = ["the", "Value", "of", "an", "array,", "is", "given", "数组", "的", "É", "x_1", "(", "3.5"]


def slow_words(text: str) -> list[str]:
    """Each ideograph is a word of its own: a space to either side makes it one."""
    return re.findall(r"\w+", re.sub("([数组的])", r" \1 ", text.lower()))


def slow_runs(text: str, width: int) -> list[tuple[str, ...]]:
    words = slow_words(text)
    return [tuple(words[i : i + width]) for i in range(len(words) - width + 1)]


def texts(generator: np.random.Generator, count: int, shortest: int, longest: int) -> list[str]:
    return [
        " ".join(WORDS[i] for i in generator.integers(0, len(WORDS), length))
        for length in generator.integers(shortest, longest, count)
    ]


@pytest.mark.parametrize(("shortest", "longest", "width"), [(0, 12, 8), (10, 14, 9), (20, 90, 13)])
def test_runs_are_found_as_a_set_of_tuples_finds_them(
    shortest: int, longest: int, width: int
) -> None:
    generator = np.random.default_rng(width)
    known = texts(generator, 200, 0, 60)
    examples = [tuple(texts(generator, 1 + i % 2, shortest, longest)) for i in range(150)]
    for place in range(0, 150, 5):  # a part of a training text, in other case, signs and spacing
        words = known[place].split()
        part = " - ".join(words[place % 7 : place % 7 + 14]).upper()
        examples[place] = (f"own {part} words and six more of our own", *examples[place][1:])
    training = {run for text in known for run in slow_runs(text, width)}
    runs = [[run for text in each for run in slow_runs(text, width)] for each in examples]

    found = shared_runs(examples, [coded(known[:70]), coded(known[70:71]), coded(known[71:])])

    lengths = [len(slow_words(text)) for each in examples for text in each]
    assert found.words == width == np.clip(int(np.percentile(lengths, 5)), 8, 13)
    assert found.examples.tolist() == [any(run in training for run in own) for own in runs]
    assert found.count == sum(map(len, runs))
    assert found.found == sum(run in training for own in runs for run in own)
    assert 20 <= found.found < found.count


def test_no_run_goes_from_one_text_into_the_next() -> None:
    words = "one two three four five six seven eight nine ten".split()
    first, second = " ".join(words[:6]), " ".join(words[6:])
    (whole,) = shared_runs([(" ".join(words),)], [coded([first, second])]).examples
    assert not whole
    pair = shared_runs([(first, second)], [coded([" ".join(words)])])
    assert (pair.count, pair.found) == (0, 0)
    assert shared_runs([(" ".join(words),)], [coded([" ".join(words)])]).found == 1


@pytest.mark.parametrize("examples", [[], [("",)], [("a b",), ("",)], [("()",)]])
def test_without_runs_nothing_is_found(examples: list[tuple[str, ...]]) -> None:
    found = shared_runs(examples, [coded(["a b"]), coded([])])
    assert (found.words, found.count, found.found) == (8, 0, 0)
    assert not found.examples.any()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(40)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    return build(tmp_path_factory.mktemp("own"), rows)


def test_a_task_on_copied_texts_says_so(own: Corpus, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    fresh = [sentence(generator, 30) for _ in range(100)]
    documents = own.documents("train")["text"]
    copies = [text.replace("\n", " ") for text in documents[:6]]
    parts = [
        f"{new} {' '.join(text.split()[20:33])} {new}"
        for text, new in zip(documents[6:16], fresh[40:], strict=False)
    ]
    test = [*copies, *parts, *fresh[:24]]
    for name, rows in (("train", fresh[50:]), ("test", test)):
        labelled = [{"text": text, "label": i % 2} for i, text in enumerate(rows)]
        written(tmp_path / f"{name}.csv", labelled)
    task = load(classes(tmp_path / "train.csv", test_path=str(tmp_path / "test.csv")), own)
    facts = held_in_training(own, task)
    assert facts[RUN_WORDS] == 13
    assert facts[COPIED] == 6 / 40
    assert facts[WITH_RUN] == 16 / 40
    runs = sum(len(slow_runs(text, 13)) for text in test)
    held = 10 + sum(len(slow_runs(text, 13)) for text in copies)
    assert facts[RUNS_HELD] == pytest.approx(held / runs)

    fresh_only = load(classes(tmp_path / "train.csv"), own)
    assert held_in_training(own, fresh_only) == {RUN_WORDS: 13}


@pytest.mark.parametrize(("held_bytes", "times"), [(overlap.HELD_BYTES, 1), (0, 2)])
def test_training_text_is_kept_or_being_long_read_again(
    own: Corpus, monkeypatch: pytest.MonkeyPatch, held_bytes: int, times: int
) -> None:
    read: list[Path] = []

    def counted(folder: Path, split: str) -> Iterator[list[Document]]:
        read.append(folder)
        yield from read_documents(folder, split)

    monkeypatch.setattr(overlap, "HELD_BYTES", held_bytes)
    monkeypatch.setattr(overlap, "read_documents", counted)
    corpus = Corpus(own.folder)  # of which nothing is kept yet
    known = own.documents("train")["text"].iloc[0]
    for _ in range(2):
        assert overlap.in_training(corpus, [known, "this stands nowhere at all, or so we hope"])[0]
    assert len(read) == times
