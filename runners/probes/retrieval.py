"""Retrieval: find the body that belongs to a summary, among the bodies of other documents."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from runners.corpora.corpus import Corpus
from runners.corpora.prose import NaturalPairs, natural_pairs
from runners.identity import name_of
from runners.pretrained import Pretrained
from runners.probes.base import Measurement, NotApplicableError, Probe, Task, mean_of
from runners.probes.classification import WORDS

MIN_PAIRS = 50


class RetrievalTask(Task):
    """Held-out summaries, each against the same bodies."""

    def __init__(self, pairs: NaturalPairs) -> None:
        self._pairs = pairs

    def evaluate(self, model: Pretrained, *, seed: int) -> list[Measurement]:
        """Reciprocal rank and recall by the cosine of frozen vectors."""
        summaries, bodies = model.embed(self._pairs.summaries), model.embed(self._pairs.bodies)
        return self._measure(normalized(summaries) @ normalized(bodies).T)

    def baselines(self) -> dict[str, list[Measurement]]:
        """A random order, and the cosine of TF-IDF vectors weighted on these very bodies."""
        count = len(self._pairs)
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS).fit(self._pairs.bodies)
        products = words.transform(self._pairs.summaries) @ words.transform(self._pairs.bodies).T
        by_chance = {
            "mrr": float((1 / np.arange(1, count + 1)).mean()),
            "recall_at_1": 1 / count,
            "recall_at_10": min(1.0, 10 / count),
        }
        return {
            "chance": [Measurement(metric, value) for metric, value in by_chance.items()],
            "TF-IDF": self._measure(products.toarray()),
        }

    def fingerprint(self) -> str:
        """A hash of all pairs."""
        return name_of(asdict(self._pairs), length=64)

    def _measure(self, similarities: np.ndarray) -> list[Measurement]:
        """From an (N, N) matrix of summaries by bodies."""
        ranks = ranks_of_own(similarities)
        groups = self._pairs.groups
        return [
            mean_of("mrr", 1 / ranks, groups),
            mean_of("recall_at_1", ranks <= 1, groups),
            mean_of("recall_at_10", ranks <= 10, groups),
        ]


@dataclass(frozen=True, kw_only=True)
class RetrievalProbe(Probe):
    """Natural pairs of the corpus's test split.

    Attributes:
        candidates: bodies to choose from; fewer where the corpus has fewer.
    """

    candidates: int = 500

    def __post_init__(self) -> None:
        if self.candidates < MIN_PAIRS:
            raise ValueError(f"candidates is {self.candidates}; it must be at least {MIN_PAIRS}")

    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take the pairs."""
        pairs = natural_pairs(corpus.documents("test"), limit=self.candidates)
        if len(pairs) < MIN_PAIRS:
            raise NotApplicableError(
                f"the test split of {corpus.card.label} holds {len(pairs)} documents with a "
                f"summary and a body; {MIN_PAIRS} are needed"
            )
        return RetrievalTask(pairs)


def ranks_of_own(similarities: np.ndarray) -> np.ndarray:
    """(N,) places of the diagonal in the rows of an (N, N) matrix; a tie counts as half a place."""
    own = np.diag(similarities)[:, None]
    ties = (similarities == own).sum(1) - 1
    ranks: np.ndarray = 1 + (similarities > own).sum(1) + ties / 2
    return ranks


def normalized(vectors: np.ndarray) -> np.ndarray:
    """(N, D) vectors of length 1."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.maximum(norms, 1e-12)
    return unit
