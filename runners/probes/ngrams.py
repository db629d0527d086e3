"""A word n-gram model: the floor that a language model has to beat on minimal pairs."""

from array import array
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_UNKNOWN, _START, _END = 0, 1, 2
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class NgramModel:
    """Word n-grams with interpolated Witten-Bell smoothing (Witten & Bell 1991).

    `p(w | h) = (c(h w) + t(h) p(w | shorter h)) / (c(h) + t(h))`, where t(h) counts the distinct
    words seen after h; below the unigrams stands a uniform distribution with one place for
    unknown words. N-grams are told apart by hashes of 64 bits.

    Args:
        texts: to learn from, each with a beginning and an end; words are split at spaces and
            lower-cased.
        order: 1 for unigrams, 2 for bigrams, 3 for trigrams.
    """

    def __init__(self, texts: Sequence[str], order: int) -> None:
        self._order = order
        self._ids: dict[str, int] = {}
        for text in texts:
            for word in text.lower().split():
                self._ids.setdefault(word, len(self._ids) + _END + 1)
        words = self._encoded(texts)
        self._counts = [_Counts(history, gram) for history, gram in self._grams(words)]

    def log_probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """(N,) float64, total natural log probability of each text's words, with its end."""
        words = self._encoded(texts)
        found = np.full(int((words != _START).sum()), 1 / (len(self._ids) + 2))
        for counts, (histories, grams) in zip(self._counts, self._grams(words), strict=True):
            found = counts.mixed(histories, grams, found)
        ends = (words == _END)[words != _START]
        rows = np.cumsum(ends) - ends
        return np.bincount(rows, weights=np.log(found), minlength=len(texts))

    def _encoded(self, texts: Sequence[str]) -> np.ndarray:
        """(words,) uint64, all texts one after the other, with their beginnings and ends."""
        codes = array("Q")
        for text in texts:
            codes.extend([_START] * (self._order - 1))
            codes.extend(self._ids.get(word, _UNKNOWN) for word in text.lower().split())
            codes.append(_END)
        return np.frombuffer(codes, np.uint64)

    def _grams(self, words: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Hashes of the histories of 0 to order - 1 words before every word, and with it."""
        places = np.flatnonzero(words != _START)
        history = np.ones(len(places), np.uint64)
        found = [(history, _joined(history, words[places]))]
        for back in range(1, self._order):
            history = _joined(history, words[places - back])
            found.append((history, _joined(history, words[places])))
        return found


@lru_cache(maxsize=2)
def ngrams(training: tuple[str, ...], order: int) -> NgramModel:
    """That of one corpus, for all its tasks."""
    return NgramModel(training, order)


class _Counts:
    """How often n-grams of one length were seen, and their histories.

    Args:
        histories: (N,) hashes.
        grams: (N,) of the same with the word that follows.
    """

    def __init__(self, histories: np.ndarray, grams: np.ndarray) -> None:
        self._grams, first, self._seen = np.unique(grams, return_index=True, return_counts=True)
        self._histories, place = np.unique(histories[first], return_inverse=True)
        self._totals = np.bincount(place, weights=self._seen)
        self._followers = np.bincount(place)

    def mixed(self, histories: np.ndarray, grams: np.ndarray, shorter: np.ndarray) -> np.ndarray:
        """p(word | history), from that of the shorter histories."""
        seen = _looked_up(self._grams, self._seen, grams)
        followers = _looked_up(self._histories, self._followers, histories)
        totals = _looked_up(self._histories, self._totals, histories)
        mixed: np.ndarray = (seen + followers * shorter) / np.maximum(totals + followers, 1)
        return np.where(totals > 0, mixed, shorter)


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each key, 0 for keys that are not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)


def _joined(history: np.ndarray, word: np.ndarray) -> np.ndarray:
    """Hashes of histories with one word more."""
    mixed = (history ^ (history >> np.uint64(29))) * _MULTIPLIER + word
    hashed: np.ndarray = (mixed ^ (mixed >> np.uint64(32))) * _MULTIPLIER
    return hashed
