"""What is exchanged in the odd word probe, and the floor that goes by topics."""

from collections import Counter

import numpy as np
import pytest

import runners.probes.topics
from runners.probes.odd_word import Substitutes
from runners.probes.topics import topic_margins

# "lion" and "bear" stand in like places, "tree" never before "runs"; "deer" is rare.
TRAINING = tuple(
    ["The lion ran home. The bear ran home. A tree stands."] * 20 + ["The deer ran home."]
)


def test_the_substitute_is_known_beside_both_neighbours_and_new_to_the_text() -> None:
    substitutes = Substitutes(TRAINING)
    assert substitutes.exchange("The lion ran to it") == "The bear ran to it"
    assert substitutes.exchange("The bear ran to it") == "The lion ran to it"
    assert substitutes.exchange("The lion ran to the bear") is None  # which the text has
    assert substitutes.exchange("The lion ran to the lion.") is None  # twice there
    assert substitutes.exchange("The tree ran to it") == "The lion ran to it"
    assert substitutes.exchange("The deer ran to it") is None  # too rare to be exchanged
    assert substitutes.exchange("lion") is None
    assert substitutes.exchange("") is None


def test_word_pairs_stay_pairs_of_training_text() -> None:
    texts = [
        " ".join(np.random.default_rng(i).permutation(list("abcdefgh") * 3)) for i in range(40)
    ]
    texts = [" ".join(letter * 4 for letter in text.split()) for text in texts]
    substitutes = Substitutes(tuple(texts))
    known = Counter(
        pair for text in texts for pair in zip(text.split(), text.split()[1:], strict=False)
    )
    tried = 0
    for number in range(40):
        draw = np.random.default_rng(1000 + number)
        text = " ".join(word * 4 for word in draw.permutation(list("abcdefgh"))[:5])
        exchanged = substitutes.exchange(text)
        if exchanged is None:
            continue
        tried += 1
        words, new = text.split(), exchanged.split()
        (place,) = [i for i in range(5) if words[i] != new[i]]
        assert 0 < place < 4
        assert new[place] not in words
        assert known[new[place - 1], new[place]]
        assert known[new[place], new[place + 1]]
    assert tried > 10


def test_topics_tell_which_word_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners.probes.topics, "DIMENSIONS", 2)
    animals, ships = "lion bear wolf deer fur claw", "sail mast deck hull keel rope"
    draw = np.random.default_rng(0)
    training = tuple(
        " ".join(draw.permutation(topic.split())[:4])
        for _ in range(60)
        for topic in (animals, ships)
    )
    good = ["lion wolf claw deer", "sail hull rope keel"]
    bad = ["lion wolf keel deer", "sail fur rope keel"]
    assert (topic_margins(training, good, bad) > 0.5).all()
    np.testing.assert_allclose(
        topic_margins(training, bad, good), -topic_margins(training, good, bad)
    )
    turned = [" ".join(text.split()[::-1]) for text in good]
    np.testing.assert_array_equal(topic_margins(training, good, turned), 0)
    np.testing.assert_array_equal(topic_margins(training, ["unknown"], ["new"]), 0)
