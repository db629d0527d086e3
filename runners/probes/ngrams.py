"""A word n-gram model: the floor that a language model has to beat on minimal pairs."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable


class NgramModel:
    """Word n-grams with interpolated Witten-Bell smoothing (Witten & Bell 1991).

    `p(w | h) = (c(h w) + t(h) p(w | shorter h)) / (c(h) + t(h))`, where t(h) counts the distinct
    words seen after h; below the unigrams stands a uniform distribution with one place for
    unknown words.

    Args:
        sentences: training sentences; words are split at spaces and lower-cased.
        order: 1 for unigrams, 2 for bigrams, 3 for trigrams.
    """

    def __init__(self, sentences: Iterable[str], order: int) -> None:
        self._order = order
        self._follow: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            words = _words(sentence, order)
            for place in range(order - 1, len(words)):
                for length in range(order):
                    self._follow[tuple(words[place - length : place])][words[place]] += 1
        self._totals = {history: counts.total() for history, counts in self._follow.items()}
        self._uniform = 1 / (len(self._follow[()]) + 1)

    def log_probability(self, sentence: str) -> float:
        """Total natural log probability of the words, with the sentence's end."""
        words = _words(sentence, self._order)
        return sum(
            math.log(self._probability(words[place], tuple(words[place - self._order + 1 : place])))
            for place in range(self._order - 1, len(words))
        )

    def _probability(self, word: str, history: tuple[str, ...]) -> float:
        shorter = self._probability(word, history[1:]) if history else self._uniform
        seen = self._totals.get(history, 0)
        if not seen:
            return shorter
        followers = self._follow[history]
        return (followers[word] + len(followers) * shorter) / (seen + len(followers))


def _words(sentence: str, order: int) -> list[str]:
    return ["<s>"] * (order - 1) + sentence.lower().split() + ["</s>"]
