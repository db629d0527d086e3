"""Retrieval: find the body that belongs to a summary, among the bodies of other documents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from typing_extensions import override

from results.facts import CUT, PAIRS_LEFT_OUT
from results.record import SHUFFLED, Metric
from runners.corpora.corpus import Corpus
from runners.corpora.prose import NaturalPairs, natural_pairs, summary_and_body
from runners.identity import name_of
from runners.measures.measurement import Measurement, mean_of, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.readouts import Choice, Readout, best_readout, unchosen
from runners.measures.text_model import TextModel
from runners.probes.base import (
    NotApplicableError,
    Probe,
    Seen,
    Task,
    share_cut,
    shuffled,
    without_zeros,
)
from runners.probes.classification import WORDS
from runners.probes.overlap import in_training
from runners.probes.shown import Shown

MIN_PAIRS = 50
METRICS = (
    Metric("mrr", "MRR"),
    Metric("recall_at_1", "recall@1"),
    Metric("recall_at_10", "recall@10"),
)


class RetrievalTask(Task):
    """Held-out summaries, each against the same bodies.

    Args:
        pairs: of summaries and bodies.
        validation: others, on which each model's readout is chosen; where there are too few, the
            last layer is read.
        seen: what models read of a text.
        known: facts of how the pairs were found.
    """

    def __init__(
        self,
        pairs: NaturalPairs,
        validation: NaturalPairs | None = None,
        *,
        seen: Seen = list,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.test, self._validation = ReadOnce(pairs), validation
        self._seen, self._known = seen, dict(known or {})

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """Reciprocal rank and recall by the cosine of frozen vectors."""
        choice = self._choice(model)
        pairs = self.test.read()
        states = model.states(pairs.summaries), model.states(pairs.bodies)
        choice = choice or unchosen(states[0])
        summaries, bodies = map(choice.readout, states)
        reason = not_numbers("vectors", np.concatenate([summaries, bodies]))
        if reason:
            return [Measurement(metric, None, note=reason) for metric in METRICS]
        found = self._measure(normalized(summaries) @ normalized(bodies).T)
        return [replace(each, note=str(choice.readout), options=choice.options) for each in found]

    def _choice(self, model: TextModel) -> Choice | None:
        """The readout that finds the validation pairs best."""
        if self._validation is None:
            return None
        sides = (self._validation.summaries, self._validation.bodies)
        summaries, bodies = (model.states(side) for side in sides)

        def mrr(readout: Readout) -> float:
            first, second = normalized(readout(summaries)), normalized(readout(bodies))
            return float((1 / ranks_of_own(first @ second.T)).mean())

        return best_readout(summaries + bodies, mrr)

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """A random order, and the cosine of TF-IDF vectors weighted on these very bodies."""
        pairs = self.test.known
        count = len(pairs)
        summaries, bodies = self._seen(pairs.summaries), self._seen(pairs.bodies)
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS).fit(bodies)
        products = words.transform(summaries) @ words.transform(bodies).T
        by_chance = {
            "mrr": float((1 / np.arange(1, count + 1)).mean()),
            "recall_at_1": 1 / count,
            "recall_at_10": min(1.0, 10 / count),
        }
        return {
            "chance": [Measurement(metric, by_chance[metric.name]) for metric in METRICS],
            "TF-IDF": self._measure(products.toarray()),
            SHUFFLED: self._measure(shuffled(products.toarray())),
        }

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return list(zip(self.test.known.summaries, self.test.known.bodies, strict=True))

    @property
    @override
    def shown(self) -> list[Shown]:
        names = [metric.name for metric in METRICS]
        return [Shown(metrics=names, header=("summary", "its body"), texts=self.tested)]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        texts = [*self.test.known.summaries, *self.test.known.bodies]
        return without_zeros(
            {"pairs": len(self.test.known), **self._known, CUT: share_cut(texts, self._seen)}
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        validation = None if self._validation is None else asdict(self._validation)
        return name_of([asdict(self.test.known), validation], length=64)

    def _measure(self, similarities: np.ndarray) -> list[Measurement]:
        """From an (N, N) matrix of summaries by bodies."""
        ranks = ranks_of_own(similarities)
        groups = self.test.known.groups
        scores = (1 / ranks, ranks <= 1, ranks <= 10)
        return [
            mean_of(metric, score, groups) for metric, score in zip(METRICS, scores, strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class RetrievalProbe(Probe):
    """Natural pairs of the corpus's test split.

    Attributes:
        candidates: bodies to choose from; fewer where the corpus has fewer.
        validation: pairs of the validation split, on which each model's readout is chosen.
    """

    candidates: int = 500
    validation: int = 250

    def __post_init__(self) -> None:
        if self.validation < 0:
            raise ValueError(
                f"validation is {self.validation}; 0 has every model's last layer read"
            )
        if self.candidates < MIN_PAIRS:
            raise ValueError(f"candidates is {self.candidates}; it must be at least {MIN_PAIRS}")

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return METRICS

    @override
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take the pairs, without those of which training text has a side."""
        documents, repeated = _unknown(corpus)
        pairs = natural_pairs(documents, limit=self.candidates)
        if len(pairs) < MIN_PAIRS:
            raise NotApplicableError(
                f"the test split of {corpus.card.label} holds {len(pairs)} documents with a "
                f"summary and a body that training text does not have; {MIN_PAIRS} are needed"
            )
        others = natural_pairs(corpus.documents("validation"), limit=self.validation)
        known = {PAIRS_LEFT_OUT: repeated}
        validation = others if len(others) >= MIN_PAIRS else None
        return RetrievalTask(pairs, validation, seen=corpus.seen, known=known)


def _unknown(corpus: Corpus) -> tuple[pd.DataFrame, int]:
    """Test documents of whose pair training text has neither side, and the number of others."""
    documents = corpus.documents("test")
    pairs = [summary_and_body(text) for text in documents["text"]]
    found = np.array([pair is not None for pair in pairs], dtype=bool)
    sides = [side for pair in pairs if pair is not None for side in pair]
    repeated = np.zeros(len(pairs), dtype=bool)
    repeated[found] = in_training(corpus, sides).reshape(-1, 2).any(1)
    return documents[~repeated], int(repeated.sum())


def ranks_of_own(similarities: np.ndarray) -> np.ndarray:
    """(N,) places of the diagonal in the rows of an (N, N) matrix; a tie counts as half a place.

    What is no number comes last.
    """
    similarities = np.where(np.isnan(similarities), -np.inf, similarities)
    own = np.diag(similarities)[:, None]
    ties = (similarities == own).sum(1) - 1
    ranks: np.ndarray = 1 + (similarities > own).sum(1) + ties / 2
    return ranks


def normalized(vectors: np.ndarray) -> np.ndarray:
    """(N, D) vectors of length 1."""
    vectors = vectors.astype(np.float64)  # squares of large float32 overflow
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.maximum(norms, 1e-12)
    return unit
