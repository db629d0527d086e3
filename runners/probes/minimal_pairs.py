"""Minimal pairs: the better sentence should get the higher total log-probability."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from runners.identity import name_of
from runners.pretrained import Pretrained
from runners.probes.base import Measurement, Task, mean_of
from runners.probes.ngrams import NgramModel

MIN_KIND = 10
"""Kinds with fewer pairs are left out of the macro average."""


@dataclass(frozen=True, slots=True)
class SentencePairs:
    """Sentences as written, and the same with one change that breaks them.

    Attributes:
        good, bad: the i-th of each belong together.
        kinds: of what kind each pair is; the macro average gives each kind one voice.
    """

    good: list[str]
    bad: list[str]
    kinds: list[str]


class MinimalPairsTask(Task):
    """Accuracy of the preference for the better sentence.

    Args:
        pairs: the test pairs.
        training_sentences: what the n-gram models may read.
        macro: report the mean over kinds instead of over pairs.
    """

    def __init__(
        self, pairs: SentencePairs, training_sentences: Sequence[str], *, macro: bool = False
    ) -> None:
        self._pairs, self._training, self._macro = pairs, training_sentences, macro

    def evaluate(self, model: Pretrained, *, seed: int) -> list[Measurement]:
        """By total log p, or pseudo-log-likelihood, in float32 summed in float64."""
        good = model.log_likelihood(self._pairs.good)
        bad = model.log_likelihood(self._pairs.bad)
        if good is None or bad is None:
            return [Measurement(self._metric, None, note="no token likelihood")]
        return [self._measure(good - bad)]

    def baselines(self) -> dict[str, list[Measurement]]:
        """Chance, and word n-gram models of the training split's sentences."""
        found = {"chance": [Measurement(self._metric, 0.5)]}
        for name, order in (("word bigrams", 2), ("word trigrams", 3)):
            score = NgramModel(self._training, order).log_probability
            found[name] = [self._measure(_scores(score, self._pairs))]
        return found

    def fingerprint(self) -> str:
        """A hash of all pairs, and of what the n-grams read."""
        return name_of([asdict(self._pairs), list(self._training), self._macro], length=64)

    @property
    def _metric(self) -> str:
        return "accuracy_macro" if self._macro else "accuracy"

    def _measure(self, margins: np.ndarray) -> Measurement:
        """From log p(good) - log p(bad); a tie is half a point."""
        points = np.where(margins > 0, 1.0, np.where(margins == 0, 0.5, 0.0))
        kinds = np.array(self._pairs.kinds)
        measured = mean_of(self._metric, points, [str(i) for i in range(len(points))])
        if not self._macro:
            return measured
        counted = [kind for kind in sorted(set(kinds)) if (kinds == kind).sum() >= MIN_KIND]
        # Every pair weighs so that the plain mean over its rows is the mean over kinds.
        weights = np.zeros(len(points))
        for kind in counted:
            weights[kinds == kind] = len(points) / (len(counted) * (kinds == kind).sum())
        weighted = points * weights
        return mean_of(self._metric, weighted, [str(i) for i in range(len(points))])


def _scores(score: Callable[[str], float], pairs: SentencePairs) -> np.ndarray:
    return np.array(
        [score(good) - score(bad) for good, bad in zip(pairs.good, pairs.bad, strict=True)]
    )
