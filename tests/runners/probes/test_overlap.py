"""What stands in training text is no test: neither verbatim nor in other case or spacing."""

from pathlib import Path

import numpy as np
import pytest
from made_corpus import build, document

from runners.corpora.corpus import Corpus
from runners.corpora.prose import flatten, sentences
from runners.probes.base import NotApplicableError, Task
from runners.probes.classification import ClassificationTask
from runners.probes.library import LibraryProbe
from runners.probes.minimal_pairs import MinimalPairsTask
from runners.probes.overlap import ANCHORS, normalized_text, stands_in
from runners.probes.retrieval import RetrievalProbe, RetrievalTask
from runners.probes.sentence_order import SentenceOrderProbe
from runners.probes.word_order import WordOrderProbe, WordOrderTask

COUNT, REPEATED = 260, 30
LEFT_OUT = "held-out texts that training text has too, left out"


def test_texts_are_found_as_a_slow_loop_finds_them() -> None:
    generator = np.random.default_rng(0)
    words = ["the", "value", "of", "an", "array", "is", "given", "数组", "的", "é"]
    haystacks = [
        normalized_text(" ".join(words[i] for i in generator.integers(0, 10, 400)))
        for _ in range(6)
    ]
    texts = [
        " ".join(words[i] for i in generator.integers(0, 10, generator.integers(1, 6))).upper()
        for _ in range(600)
    ]
    places = generator.integers(0, 700, (2, 300)).tolist()
    texts += [
        haystacks[i % 6][at : at + length % 60]
        for i, (at, length) in enumerate(zip(*places, strict=True))
    ]
    texts += [text + "x" for text in texts[600:]]
    wanted = [normalized_text(text) for text in texts]
    expected = [
        len(text) >= min(ANCHORS) and any(text in haystack for haystack in haystacks)
        for text in wanted
    ]
    assert stands_in(texts, haystacks).tolist() == expected
    assert 50 < sum(expected[:600]) < 550
    assert any(e and len(w) > max(ANCHORS) for e, w in zip(expected, wanted, strict=True))


@pytest.mark.parametrize("haystack", ["", "abc", "abcdefg"])
def test_short_haystacks_hold_nothing(haystack: str) -> None:
    assert not stands_in(["abcdefgh", "abc"], [haystack]).any()


def spoilt(text: str) -> str:
    """The same text in another case and spacing, in the midst of another."""
    return f"Foo bar: {text.upper().replace(' ', '  ')} (see there)."


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Of 260 test documents, training has the summary of 30, spoilt, the body of 30 others, and
    both of 30 more.
    """
    held_out = [document(10_000 + i) for i in range(COUNT)]
    known = [spoilt(text.split("\n\n")[0]) for text in held_out[:REPEATED]]
    known += [spoilt(text.split("\n\n")[1]) for text in held_out[REPEATED : 2 * REPEATED]]
    known += [
        spoilt(" ".join(text.split("\n\n")[:2])) for text in held_out[2 * REPEATED : 3 * REPEATED]
    ]
    train = [document(i) for i in range(400)]
    rows = {
        "train": [*train, *known],
        "validation": [document(20_000 + i) for i in range(20)],
        "test": held_out,
    }
    return build(
        tmp_path_factory.mktemp("own"),
        {
            split: [{"text": text, "label": str(i % 2)} for i, text in enumerate(texts)]
            for split, texts in rows.items()
        },
        label_column="label",
    )


def load(probe: object, corpus: Corpus) -> Task:
    return probe.load(corpus, hub_dir=None, cache_dir=corpus.folder)  # type: ignore[attr-defined,no-any-return]


def in_training_text(corpus: Corpus, text: str) -> bool:
    return any(
        normalized_text(text) in normalized_text(known)
        for known in corpus.documents("train")["text"]
    )


def test_word_order_leaves_out_openings_of_training_text(own: Corpus) -> None:
    modes = ("frozen",)
    task = load(WordOrderProbe(name="w", pairs=2000, train=200, test=2000, modes=modes), own)
    assert isinstance(task, WordOrderTask)
    assert task._classified is not None
    good = task._pairs.test.known.good
    assert not any(in_training_text(own, text) for text in good)
    assert task.facts[LEFT_OUT] == REPEATED
    assert 0 < len(good) <= COUNT - REPEATED  # those of more than 40 words lose a sentence
    groups = task._pairs.test.known.groups  # the documents, here their texts
    assert all(flatten(group).startswith(text) for text, group in zip(good, groups, strict=True))
    assert task._classified.test.known.groups == groups


def test_sentence_order_turns_the_first_two_sentences_round(own: Corpus) -> None:
    task = load(SentenceOrderProbe(name="s"), own)
    assert isinstance(task, MinimalPairsTask)
    pairs = task.test.known
    assert len(pairs.good) == COUNT - REPEATED
    assert task.facts[LEFT_OUT] == REPEATED
    for good, bad, group in zip(pairs.good, pairs.bad, pairs.groups, strict=True):
        first, second = sentences(group)[:2]
        assert (good, bad) == (f"{first} {second}", f"{second} {first}")
        assert not in_training_text(own, good)


def test_retrieval_leaves_out_pairs_of_which_training_text_has_a_side(own: Corpus) -> None:
    task = load(RetrievalProbe(name="r"), own)
    assert isinstance(task, RetrievalTask)
    assert len(task.test.known) == COUNT - 3 * REPEATED
    for side in (task.test.known.summaries, task.test.known.bodies):
        assert not any(in_training_text(own, text) for text in side)
    assert task.facts["held-out pairs of which training text has a side, left out"] == 3 * REPEATED


def test_library_leaves_out_sentences_of_training_text(own: Corpus) -> None:
    task = load(LibraryProbe(name="l", test_per_class=1000), own)
    assert isinstance(task, ClassificationTask)
    assert not any(in_training_text(own, text) for text in task.test.known.texts)
    assert task.facts["held-out sentences that training text has too, left out"] == 2 * REPEATED


def test_what_is_left_is_too_little_and_it_says_so(tmp_path: Path) -> None:
    texts = [document(i) for i in range(60)]
    rows = {
        "train": [{"text": spoilt(text.split("\n\n")[0])} for text in texts],
        "validation": [{"text": document(1000 + i)} for i in range(10)],
        "test": [{"text": text} for text in texts],
    }
    corpus = build(tmp_path, rows)
    with pytest.raises(NotApplicableError, match="that training text does not have"):
        load(RetrievalProbe(name="r"), corpus)
