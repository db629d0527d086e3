"""Minimal pairs: the better sentence should get the higher total log-probability.

The user's own, or BLiMP, through `probe=minimal_pairs`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from results.facts import CUT
from results.notes import note_of
from results.record import SHUFFLED, Metric
from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.measures.measurement import Measurement, mean_of, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.text_model import TextModel
from runners.probes.base import Probe, Seen, Task, share_cut, shuffled, without_zeros
from runners.probes.ngrams import ngrams
from runners.probes.pairs import groups_of_pairs
from runners.probes.row import Row
from runners.probes.sentences import training_text
from runners.probes.shown import Shown
from runners.probes.tables import UntrainedTableProbe

Method = Callable[[tuple[str, ...], Sequence[str], Sequence[str]], np.ndarray]

ROUNDING = 1e-9
"""Nats under which two sums of the same n-grams differ."""

ACCURACY = Metric("accuracy", "accuracy, pairs", chance=0.5)
ACCURACY_MACRO = Metric("accuracy_macro", "accuracy, mean over kinds", chance=0.5)
PER_TOKEN = Metric("accuracy_per_token", "accuracy by the mean per token", chance=0.5)
PER_TOKEN_MACRO = Metric(
    "accuracy_macro_per_token", "accuracy by the mean per token, mean over kinds", chance=0.5
)

MIN_KIND = 10
"""Kinds with fewer pairs are left out of the macro average."""


@dataclass(frozen=True, slots=True)
class SentencePairs:
    """Sentences as written, and the same with one change that breaks them.

    Attributes:
        good, bad: the i-th of each belong together.
        kinds: of what kind each pair is; the macro average gives each kind one voice.
        groups: units of resampling, such as the module of a sentence; without, each pair is one.
    """

    good: list[str]
    bad: list[str]
    kinds: list[str]
    groups: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class PairsProbe(Probe):
    """Minimal pairs that are made from the test split of the corpus.

    Attributes:
        pairs: at most so many.
        longest: words of a text.
    """

    FEWEST: ClassVar = 100

    pairs: int
    longest: int = 40

    def __post_init__(self) -> None:
        if self.pairs < self.FEWEST:
            raise ValueError(f"pairs is {self.pairs}; it must be at least {self.FEWEST}")

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return (ACCURACY,)


class MinimalPairsTask(Task):
    """Accuracy of the preference for the better sentence.

    Args:
        pairs: the test pairs.
        training: what the n-gram models may read.
        macro: report the mean over kinds instead of over pairs.
        per_token: report also the preference by the mean log p of a sentence's tokens, which
            does not favour the shorter one.
        seen: what models read of a text.
        known: facts of how the pairs were found.
        more: simple methods by name: from training text and the good and bad texts to (N,) margins.
    """

    def __init__(
        self,
        pairs: SentencePairs,
        training: Sequence[str],
        *,
        macro: bool = False,
        per_token: bool = False,
        seen: Seen = list,
        known: Mapping[str, Any] | None = None,
        more: Mapping[str, Method] | None = None,
    ) -> None:
        self.test, self._training, self._macro = ReadOnce(pairs), tuple(training), macro
        self._per_token = per_token
        self._seen, self._known, self._more = seen, dict(known or {}), dict(more or {})

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """By total log p, or pseudo-log-likelihood (`TextModel.log_likelihood`)."""
        test = self.test.read()
        good, bad = model.log_likelihood(test.good), model.log_likelihood(test.bad)
        if good is None or bad is None:
            return [
                Measurement(metric, None, note="no token likelihood") for metric in self._metrics
            ]
        reason = not_numbers("log-likelihoods", np.concatenate([good, bad]))
        if reason:
            return [Measurement(metric, None, note=reason) for metric in self._metrics]
        margins = [good - bad]
        if self._per_token:
            lengths = model.lengths(test.good), model.lengths(test.bad)
            margins.append(good / lengths[0] - bad / lengths[1])
        return [
            self._measure(each, metric, model.likelihood)
            for each, metric in zip(margins, self._metrics, strict=True)
        ]

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """Chance, and word n-gram models of training text, the last also with sides drawn."""
        found = {"chance": [Measurement(metric, 0.5) for metric in self._metrics]}
        good, bad = self._seen(self.test.known.good), self._seen(self.test.known.bad)
        for name, order in (("word bigrams", 2), ("word trigrams", 3)):
            model = ngrams(self._training, order)
            sides = model.log_probabilities(good), model.log_probabilities(bad)
            margins = [sides[0] - sides[1]]
            if self._per_token:
                words = ([max(len(t.split()), 1) for t in texts] for texts in (good, bad))
                margins.append(np.subtract(*(p / n for p, n in zip(sides, words, strict=True))))
            for each in margins:
                each[np.abs(each) < ROUNDING] = 0.0  # the same terms in another order
            found[name] = list(map(self._measure, margins, self._metrics))
        signs = np.where(shuffled(np.arange(len(good))) % 2, 1.0, -1.0)
        found[SHUFFLED] = [
            self._measure(each * signs, m) for each, m in zip(margins, self._metrics, strict=True)
        ]
        for name, margins_of in self._more.items():
            margins_here = margins_of(self._training, good, bad)
            found[name] = [self._measure(margins_here, self._metrics[0])]
        return found

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return list(zip(self.test.known.good, self.test.known.bad, strict=True))

    @property
    @override
    def shown(self) -> list[Shown]:
        counted = np.flatnonzero(self._is_counted())
        return [
            Shown(
                metrics=[metric.name for metric in self._metrics],
                header=("better text", "worse text"),
                texts=[self.tested[place] for place in counted],
            )
        ]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        counted = int(self._is_counted().sum())
        return without_zeros(
            {
                "pairs": counted,
                f"pairs of kinds with fewer than {MIN_KIND}, left out": len(self.test.known.good)
                - counted,
                **self._known,
                CUT: share_cut(self.test.known.good, self._seen),
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        return name_of([asdict(self.test.known), list(self._training), self._macro], length=64)

    @property
    def _metrics(self) -> list[Metric]:
        return preferences(macro=self._macro, per_token=self._per_token)

    def _measure(self, margins: np.ndarray, metric: Metric, likelihood: str = "") -> Measurement:
        """From log p(good) - log p(bad); a tie is half a point, and the note counts ties."""
        note = note_of(likelihood, int((margins[self._is_counted()] == 0).sum()))
        return replace(self._scored(margins, metric), note=note)

    def _scored(self, margins: np.ndarray, metric: Metric) -> Measurement:
        points = np.where(margins > 0, 1.0, np.where(margins == 0, 0.5, 0.0))
        groups = np.array(self.test.known.groups or [str(i) for i in range(len(points))])
        if not self._macro:
            return mean_of(metric, points, groups)
        counted, kinds = self._is_counted(), np.array(self.test.known.kinds)
        # Every pair weighs so that the weighted mean over the rows is the mean over kinds.
        sizes = Counter(kinds[counted])
        weights = np.array([counted.sum() / len(sizes) / sizes[kind] for kind in kinds[counted]])
        return mean_of(metric, points[counted], groups[counted], weights)

    def _is_counted(self) -> np.ndarray:
        """(pairs,) bool, not those of rare kinds in a macro average, unless all are rare."""
        sizes = Counter(self.test.known.kinds)
        enough = np.array([sizes[kind] >= MIN_KIND for kind in self.test.known.kinds])
        return enough if self._macro and enough.any() else np.ones_like(enough)


def preferences(*, macro: bool, per_token: bool) -> list[Metric]:
    """The figures of minimal pairs, in the order in which they are measured."""
    by_sum, by_token = (ACCURACY_MACRO, PER_TOKEN_MACRO) if macro else (ACCURACY, PER_TOKEN)
    return [by_sum, *([by_token] if per_token else [])]


@dataclass(frozen=True, kw_only=True)
class MinimalPairsProbe(UntrainedTableProbe):
    """Minimal pairs of the user's, or of a hub data set such as BLiMP (Warstadt et al. 2020).

    Attributes:
        good_column, bad_column: the sentences.
        kind_column: of what kind a pair is; each kind has one voice.
    """

    good_column: str = "sentence_good"
    bad_column: str = "sentence_bad"
    kind_column: str | None = None

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(preferences(macro=self.kind_column is not None, per_token=True))

    @property
    @override
    def text_columns(self) -> tuple[str, ...]:
        return (self.good_column, self.bad_column)

    @property
    @override
    def value_column(self) -> str | None:
        return self.kind_column

    @override
    def check(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        """Some pair has two different sentences."""
        if all(row.texts[0] == row.texts[1] for row in test):
            raise ValueError(
                f"the columns {self.good_column!r} and {self.bad_column!r} of {self.path} hold the "
                "same sentences"
            )

    @override
    def task(
        self,
        train: Sequence[Row],
        test: Sequence[Row],
        corpus: Corpus,
        known: Mapping[str, Any],
    ) -> Task:
        good, bad = ([row.texts[side] for row in test] for side in (0, 1))
        equal = sum(one == other for one, other in zip(good, bad, strict=True))
        return MinimalPairsTask(
            SentencePairs(good, bad, [row.value or "" for row in test], groups_of_pairs(good, bad)),
            training_text(corpus),
            macro=self.kind_column is not None,
            per_token=True,
            seen=corpus.seen,
            known={**known, "pairs of equal sentences, half a point to every model": equal},
        )
