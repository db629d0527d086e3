"""Sentence similarity: Spearman correlation of cosines with human scores (STS)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from typing_extensions import override

from results.facts import CUT
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.measures.measurement import Measurement, example_rows, not_numbers
from runners.measures.text_model import TextModel
from runners.probes.base import Seen, Task, share_cut, without_zeros
from runners.probes.classification import WORDS
from runners.probes.pairs import groups_of_pairs
from runners.probes.retrieval import normalized
from runners.probes.row import Row
from runners.probes.tables import UntrainedTableProbe


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) cosine of the i-th rows of two (N, D) arrays."""
    products: np.ndarray = (normalized(first) * normalized(second)).sum(1)
    return products


SPEARMAN = Metric("spearman", "Spearman", estimator="spearman", chance=0.0)


class SimilarityTask(Task):
    """Pairs of sentences with a score; all pairs together, and no regressor.

    Args:
        first, second: the sentences.
        scores: higher for more alike.
        seen: what models read of a text.
        known: facts of how the pairs were found.
    """

    def __init__(
        self,
        first: list[str],
        second: list[str],
        scores: Sequence[float],
        *,
        seen: Seen = list,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self._first, self._second = first, second
        self._scores = np.array(scores, dtype=float)
        self._groups = groups_of_pairs(first, second)
        self._seen, self._known = seen, dict(known or {})

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """Spearman of the cosine of the two frozen vectors."""
        first, second = model.embed(self._first), model.embed(self._second)
        reason = not_numbers("vectors", np.concatenate([first, second]))
        if reason:
            return [Measurement(SPEARMAN, None, note=reason)]
        return [self._correlation(cosines(first, second))]

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """The cosine of TF-IDF vectors, weighted on these very sentences."""
        first, second = self._seen(self._first), self._seen(self._second)
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS).fit(first + second)
        products = words.transform(first).multiply(words.transform(second)).sum(1)
        return {"TF-IDF": [self._correlation(np.asarray(products).ravel())]}

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return list(zip(self._first, self._second, strict=True))

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        cut = share_cut([*self._first, *self._second], self._seen)
        return without_zeros({"pairs": len(self._first), **self._known, CUT: cut})

    @cached_property
    @override
    def fingerprint(self) -> str:
        return name_of([self._first, self._second, self._scores.tolist()], length=64)

    def _correlation(self, values: np.ndarray) -> Measurement:
        if np.ptp(values) == 0:
            return Measurement(SPEARMAN, None, note="all pairs are equally similar to it")
        value = float(spearmanr(values, self._scores).statistic)
        rows = example_rows(values, self._groups, targets=self._scores)
        return Measurement(SPEARMAN, value, examples=rows)


@dataclass(frozen=True, kw_only=True)
class SimilarityProbe(UntrainedTableProbe):
    """Similarity of the user's pairs, or of a hub data set such as STS-B.

    Attributes:
        first_column, second_column: the two sentences.
        score_column: a number, higher for more alike.
    """

    first_column: str = "sentence1"
    second_column: str = "sentence2"
    score_column: str = "label"

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return (SPEARMAN,)

    @property
    @override
    def text_columns(self) -> tuple[str, ...]:
        return (self.first_column, self.second_column)

    @property
    @override
    def value_column(self) -> str:
        return self.score_column

    @override
    def check(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        """All scores are numbers, and not the same."""
        if len({self._score(row) for row in test}) < 2:
            raise ValueError(f"all scores of {self.path} are the same")

    @override
    def task(
        self, train: Sequence[Row], test: Sequence[Row], corpus: Corpus, known: Mapping[str, Any]
    ) -> Task:
        first, second = ([row.texts[side] for row in test] for side in (0, 1))
        scores = [self._score(row) for row in test]
        return SimilarityTask(first, second, scores, seen=corpus.seen, known=known)

    def _score(self, row: Row) -> float:
        try:
            score = float(row.value or "")
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise ValueError(
                f"column {self.score_column!r} of {self.path} must hold numbers, and {row.place} "
                f"holds {row.value!r}; leave the cell empty where there is no score"
            )
        return score
