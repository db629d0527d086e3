"""Sentence similarity: Spearman correlation of cosines with human scores (STS)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from typing_extensions import override

from results.facts import CUT
from results.record import SHUFFLED, Metric
from runners.corpora.cells import number_of
from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.measures.finetune import Lesson
from runners.measures.finish import FinishConfig, Scored
from runners.measures.measurement import Measurement, example_rows, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.readouts import Choice, Readout, best_readout, unchosen
from runners.measures.text_model import TextModel
from runners.probes.base import Seen, Task, share_cut, shuffled, without_zeros
from runners.probes.classification import WORDS
from runners.probes.pairs import groups_of_pairs
from runners.probes.retrieval import normalized
from runners.probes.row import Row
from runners.probes.tables import TableProbe


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) cosine of the i-th rows of two (N, D) arrays."""
    products: np.ndarray = (normalized(first) * normalized(second)).sum(1)
    return products


SPEARMAN = Metric("spearman", "Spearman", estimator="spearman", chance=0.0)

FEWEST = 20
"""Pairs on which a readout can be chosen."""


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """Pairs of sentences, each with how alike its two are."""

    first: list[str]
    second: list[str]
    scores: list[float]


class SimilarityTask(Task):
    """Pairs of sentences with a score; all pairs together, and no regressor.

    Args:
        test: the pairs.
        validation: others, on which each model's readout is chosen; where they are few, the last
            layer is read.
        seen: what models read of a text.
        known: facts of how the pairs were found.
    """

    def __init__(
        self,
        test: ScoredPairs,
        validation: ScoredPairs | None = None,
        *,
        seen: Seen = list,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.test = ReadOnce(test)
        scores = [] if validation is None else validation.scores
        enough = len(scores) >= FEWEST and len(set(scores)) > 1
        self._validation = validation if enough else None
        self._scores = np.array(test.scores)
        self._groups = groups_of_pairs(test.first, test.second)
        self._seen, self._known = seen, dict(known or {})

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """Spearman of the cosine of the two frozen vectors."""
        choice = self._choice(model)
        test = self.test.read()
        first, second = model.states(test.first), model.states(test.second)
        choice = choice or unchosen(first)
        vectors = choice.readout(first), choice.readout(second)
        reason = not_numbers("vectors", np.concatenate(vectors))
        if reason:
            return [Measurement(SPEARMAN, None, note=reason)]
        found = self._correlation(cosines(*vectors))
        if found.value is None:
            return [found]
        return [replace(found, note=str(choice.readout), options=choice.options)]

    def _choice(self, model: TextModel) -> Choice | None:
        """The readout under which validation pairs correlate best."""
        if self._validation is None:
            return None
        scores = np.array(self._validation.scores)
        first, second = (
            model.states(side) for side in (self._validation.first, self._validation.second)
        )

        def correlation(readout: Readout) -> float:
            return _spearman(cosines(readout(first), readout(second)), scores)

        return best_readout(first + second, correlation)

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """The cosine of TF-IDF vectors, weighted on these very sentences."""
        test = self.test.known
        first, second = self._seen(test.first), self._seen(test.second)
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS).fit(first + second)
        products = words.transform(first).multiply(words.transform(second)).sum(1)
        values = np.asarray(products).ravel()
        return {
            "TF-IDF": [self._correlation(values)],
            SHUFFLED: [self._correlation(shuffled(values))],
        }

    @override
    def lesson(self, finish: FinishConfig) -> Lesson | None:
        """The pairs on which vectors are chosen."""
        pairs = self._validation
        if pairs is None:
            return None
        return Scored(pairs.first, pairs.second, pairs.scores, finish.temperature)

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return list(zip(self.test.known.first, self.test.known.second, strict=True))

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        test = self.test.known
        cut = share_cut([*test.first, *test.second], self._seen)
        chosen_on = 0 if self._validation is None else len(self._validation.scores)
        return without_zeros(
            {
                "pairs": len(test.scores),
                "pairs on which vectors are chosen": chosen_on,
                **self._known,
                CUT: cut,
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        validation = None if self._validation is None else asdict(self._validation)
        return name_of([asdict(self.test.known), validation], length=64)

    def _correlation(self, values: np.ndarray) -> Measurement:
        if np.ptp(values) == 0:
            return Measurement(SPEARMAN, None, note="all pairs are equally similar to it")
        rows = example_rows(values, self._groups, targets=self._scores)
        return Measurement(SPEARMAN, _spearman(values, self._scores), examples=rows)


def _spearman(values: np.ndarray, scores: np.ndarray) -> float:
    """Of N values; 0 where they are all the same, or some are no numbers."""
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        return 0.0
    return float(spearmanr(values, scores).statistic)


@dataclass(frozen=True, kw_only=True)
class SimilarityProbe(TableProbe):
    """Similarity of the user's pairs, or of a hub data set such as STS-B.

    Attributes:
        first_column, second_column: the two sentences.
        score_column: a number, higher for more alike.
        test_share: of a file; on the rest is chosen what each model's vectors are read from.
    """

    learns: ClassVar[bool] = False

    test_share: float = 0.8
    max_train: int = 1_000

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
        """All scores are numbers and not the same, and not all pairs one text twice."""
        if all(row.texts[0].strip() == row.texts[1].strip() for row in test):
            raise ValueError(f"every pair of {self.path} is one text twice: nothing can be ranked")
        for row in train:
            self._score(row)
        if len({self._score(row) for row in test}) < 2:
            raise ValueError(f"all scores of {self.path} are the same")

    @override
    def task(
        self, train: Sequence[Row], test: Sequence[Row], corpus: Corpus, known: Mapping[str, Any]
    ) -> Task:
        validation, tested = (
            ScoredPairs(
                [row.texts[0] for row in rows],
                [row.texts[1] for row in rows],
                [self._score(row) for row in rows],
            )
            for rows in (train, test)
        )
        return SimilarityTask(tested, validation, seen=corpus.seen, known=known)

    @override
    def _split(self, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        """All to test on where few would be left to choose on."""
        train, test = super()._split(rows)
        return (train, test) if len(train) >= FEWEST else ([], rows)

    def _score(self, row: Row) -> float:
        score = number_of(row.value or "")
        if math.isnan(score):
            raise ValueError(
                f"column {self.score_column!r} of {self.path} must hold numbers, and {row.place} "
                f"holds {row.value!r}; leave the cell empty where there is no score"
            )
        return score
