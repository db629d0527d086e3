import math

import pytest

from runners.probes.ngrams import NgramModel

SENTENCES = ["the cat sat", "the cat ran", "a dog ran"]


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
    assert model.log_probability("The cat") == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_next_word_probabilities_sum_to_one(order: int) -> None:
    model = NgramModel(SENTENCES, order)
    vocabulary = ["the", "cat", "sat", "ran", "a", "dog", "</s>", "an unknown word"]
    for history in ((), ("the",), ("the", "cat"), ("never", "seen")):
        history = history[-(order - 1) :] if order > 1 else ()
        total = sum(model._probability(word, history) for word in vocabulary)
        assert total == pytest.approx(1.0)


def test_order_is_seen() -> None:
    model = NgramModel(SENTENCES, order=3)
    assert model.log_probability("the cat sat") > model.log_probability("cat the sat")
    unigrams = NgramModel(SENTENCES, order=1)
    assert unigrams.log_probability("the cat") == pytest.approx(unigrams.log_probability("cat the"))
