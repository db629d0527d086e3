import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from runners.probes.ngrams import NgramModel

SENTENCES = ["the cat sat", "the cat ran", "a dog ran"]


class ByCounting:
    """The formula, word by word."""

    def __init__(self, texts: Sequence[str], order: int) -> None:
        self.order = order
        self.follow: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for text in texts:
            words = self.words(text)
            for place in range(order - 1, len(words)):
                for length in range(order):
                    self.follow[tuple(words[place - length : place])][words[place]] += 1

    def words(self, text: str) -> list[str]:
        return ["<s>"] * (self.order - 1) + text.lower().split() + ["</s>"]

    def probability(self, word: str, history: tuple[str, ...]) -> float:
        shorter = self.probability(word, history[1:]) if history else 1 / (len(self.follow[()]) + 1)
        followers = self.follow.get(history, Counter[str]())
        if not followers:
            return shorter
        return (followers[word] + len(followers) * shorter) / (followers.total() + len(followers))

    def log_probability(self, text: str) -> float:
        words = self.words(text)
        return sum(
            math.log(self.probability(words[i], tuple(words[i - self.order + 1 : i])))
            for i in range(self.order - 1, len(words))
        )


def log_probability(model: NgramModel, text: str) -> float:
    return float(model.log_probabilities([text])[0])


def test_it_is_interpolated_witten_bell_by_hand() -> None:
    model = NgramModel(SENTENCES, order=2)
    # Words with their ends: the 2, cat 2, sat 1, ran 2, a 1, dog 1, </s> 3: 12 tokens, 7 types.
    uniform = 1 / 8
    unigram_cat = (2 + 7 * uniform) / (12 + 7)
    the_cat = (2 + 1 * unigram_cat) / (2 + 1)
    unigram_the = (2 + 7 * uniform) / 19
    start_the = (2 + 2 * unigram_the) / (3 + 2)
    unigram_end = (3 + 7 * uniform) / 19
    cat_end = 2 * unigram_end / (2 + 2)
    expected = math.log(start_the) + math.log(the_cat) + math.log(cat_end)
    assert log_probability(model, "The cat") == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_it_is_what_counting_word_by_word_gives(order: int) -> None:
    draw = np.random.default_rng(order)
    words = ["a", "B", "c", "d", "<s>", "</s>", "e."]

    def text(known: int) -> str:
        return " ".join(words[i] for i in draw.integers(known, size=draw.integers(0, 12)))

    training = [text(6) for _ in range(60)]
    tested = ["", "unknown", *(text(7) for _ in range(60))]
    slow = ByCounting([t.replace("s>", "t>") for t in training], order)
    expected = [slow.log_probability(t.replace("s>", "t>")) for t in tested]
    np.testing.assert_allclose(
        NgramModel(training, order).log_probabilities(tested), expected, rtol=1e-12
    )


def test_order_is_seen() -> None:
    model = NgramModel(SENTENCES, order=3)
    assert log_probability(model, "the cat sat") > log_probability(model, "cat the sat")
    unigrams = NgramModel(SENTENCES, order=1)
    assert log_probability(unigrams, "the cat") == pytest.approx(
        log_probability(unigrams, "cat the")
    )
