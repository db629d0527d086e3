"""Sentence similarity: Spearman correlation of cosines with human scores (STS)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer

from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.pretrained import Pretrained
from runners.probes.base import Measurement, Task, example_rows
from runners.probes.classification import WORDS
from runners.probes.tables import TableProbe


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) cosine of the i-th rows of two (N, D) arrays."""
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products: np.ndarray = (first * second).sum(1) / np.maximum(norms, 1e-12)
    return products


class SimilarityTask(Task):
    """Pairs of sentences with a score; all pairs together, and no regressor."""

    def __init__(self, first: list[str], second: list[str], scores: Sequence[float]) -> None:
        self._first, self._second = first, second
        self._scores = np.array(scores, dtype=float)

    def evaluate(self, model: Pretrained, *, seed: int) -> list[Measurement]:
        """Spearman of the cosine of the two frozen vectors."""
        return [self._correlation(cosines(model.embed(self._first), model.embed(self._second)))]

    def baselines(self) -> dict[str, list[Measurement]]:
        """The cosine of TF-IDF vectors, weighted on these very sentences."""
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS).fit(
            self._first + self._second
        )
        first = words.transform(self._first).toarray()
        second = words.transform(self._second).toarray()
        return {"TF-IDF": [self._correlation(cosines(first, second))]}

    def fingerprint(self) -> str:
        """A hash of pairs and scores."""
        return name_of([self._first, self._second, self._scores.tolist()], length=64)

    def _correlation(self, values: np.ndarray) -> Measurement:
        value = float(spearmanr(values, self._scores).statistic)
        rows = example_rows(values, self._first, targets=self._scores)
        return Measurement("spearman", value, examples=rows, estimator="spearman")


@dataclass(frozen=True, kw_only=True)
class SimilarityProbe(TableProbe):
    """Similarity of the user's pairs, or of a hub data set such as STS-B.

    Attributes:
        first_column, second_column: the two sentences.
        score_column: a number, higher for more alike.
    """

    first_column: str = "sentence1"
    second_column: str = "sentence2"
    score_column: str = "label"
    test_share: float = 1.0

    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Read the pairs; nothing is trained, so a file is used whole."""
        columns = [self.first_column, self.second_column, self.score_column]
        _, rows = self.read(columns, key=self.first_column, hub_dir=hub_dir, cache_dir=cache_dir)
        try:
            scores = [float(row[self.score_column]) for row in rows]
        except ValueError as error:
            raise ValueError(
                f"probe {self.name}: column {self.score_column!r} of {self.path} must hold "
                f"numbers: {error}"
            ) from error
        if len(set(scores)) < 2:
            raise ValueError(f"probe {self.name}: all scores of {self.path} are the same")
        first, second = ([row[column] for row in rows] for column in columns[:2])
        return SimilarityTask(first, second, scores)
