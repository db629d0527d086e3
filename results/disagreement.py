"""On which test examples the two best models of a figure disagree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.comparison import Stratum
from results.findings import Finding
from results.influence import CLASSIFIED
from results.rows import Row

WRONG, TIE, RIGHT = 0.0, 0.5, 1.0
"""What an example is worth where it is answered."""

DIGITS = 9
"""Decimals of an example's worth; further ones are rounding."""


@dataclass(frozen=True, eq=False)
class Disagreement:
    """Two models on the same N test examples.

    Attributes:
        finding: the figure.
        first, second: the models, the better one first.
        scores: of each model (S, N), over its seeds: what an example is worth, the more the
            better; examples that say nothing are left out.
        places: (N,) of the examples among all of the figure's rows.
        rows: how many rows the figure has.
        lower: whether the figure itself is better when lower, so that scores are turned round.
    """

    finding: Finding
    first: Row
    second: Row
    scores: tuple[np.ndarray, np.ndarray]
    places: np.ndarray
    rows: int
    lower: bool = False

    @property
    def answered(self) -> bool:
        """Whether an example is right or wrong (or tied), and not more or less good."""
        return all(set(np.unique(each)) <= {WRONG, TIE, RIGHT} for each in self.scores)

    @property
    def ahead(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) bool: the first is better than the second whatever the seeds; and the reverse.

        Where examples are answered: right in every seed of one, wrong in every seed of the other.
        """
        one, other = self.scores
        if self.answered:
            return (
                (one == RIGHT).all(0) & (other == WRONG).all(0),
                (other == RIGHT).all(0) & (one == WRONG).all(0),
            )
        return one.min(0) > other.max(0), other.min(0) > one.max(0)

    @property
    def alike(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) bool: right in every seed of both; wrong in every seed of both."""
        both = np.concatenate(self.scores)
        return (both == RIGHT).all(0), (both == WRONG).all(0)

    def most(self, known: Sequence[int], count: int) -> tuple[list[int], list[int]]:
        """The examples on which the first is furthest ahead of the second, and the reverse.

        First those on which it is ahead whatever the seeds, then by the means over seeds; of
        equally telling ones some that are spread over the test set.

        Args:
            known: places among all rows, of examples that can be shown.
            count: at most so many each way.

        Returns:
            Indices of examples, (N,), twice.
        """
        means = [each.mean(0) for each in self.scores]
        shown = np.isin(self.places, known)
        first, second = self.ahead
        lead = means[0] - means[1]
        return _furthest(lead, first, shown, count), _furthest(-lead, second, shown, count)


def _furthest(lead: np.ndarray, sure: np.ndarray, shown: np.ndarray, count: int) -> list[int]:
    places = np.flatnonzero(shown & (lead > 0))
    telling = lead + sure * np.ptp(lead)
    order = places[np.argsort(-telling[places], kind="stable")]
    if len(order) > count:
        least = telling[order[count - 1]]
        more, tied = order[telling[order] > least], order[telling[order] == least]
        spread = np.linspace(0, len(tied) - 1, count - len(more)).astype(int)
        order = np.concatenate([more, tied[spread]])
    return [int(place) for place in order]


def disagreement(stratum: Stratum, finding: Finding) -> Disagreement | None:
    """The two best models of a figure, example by example.

    These are the best of those that the verdict ranks, of two objectives where there are two; where
    it ranks fewer than two, of all. None where there are no two, or where an example has no worth
    of its own, as under a correlation.
    """
    ranked = finding.ranking if len(finding.ranking) > 1 else finding.models
    if len(ranked) < 2:
        return None
    first = ranked[0]
    others = [row for row in ranked[1:] if row.objective != first.objective]
    second = others[0] if others else ranked[1]
    metric = stratum.metric(finding.figure)
    tables = [[model.examples(finding.figure) for model in row.models] for row in (first, second)]
    known = [[rows for rows in each if rows is not None] for each in tables]
    if not all(known) or not _same_examples([rows for each in known for rows in each]):
        return None
    if metric.estimator == "spearman":
        return None
    scores = [
        metric.sign * np.stack([_worth(rows, metric.estimator) for rows in each]) for each in known
    ]
    said = np.isfinite(np.concatenate(scores)).all(0)
    return Disagreement(
        finding,
        first,
        second,
        (scores[0][:, said], scores[1][:, said]),
        np.flatnonzero(said),
        len(said),
        metric.sign < 0,
    )


def _same_examples(tables: Sequence[pd.DataFrame]) -> bool:
    """Whether all models were tested on the same, in the same order."""
    return all(
        np.array_equal(rows[column].to_numpy(), tables[0][column].to_numpy())
        for rows in tables
        for column in ("example", "group")
    )


def _worth(rows: pd.DataFrame, estimator: str) -> np.ndarray:
    """(N,) of each row; NaN where it has no weight."""
    values, targets = rows["value"].to_numpy(float), rows["target"].to_numpy(float)
    if estimator in CLASSIFIED:  # the class that was told, and the true one
        answered: np.ndarray = (values == targets).astype(float)
        return answered
    weights = np.where(np.isnan(targets), 1.0, targets)
    worth = np.divide(values, weights, out=np.full(len(values), np.nan), where=weights > 0)
    found: np.ndarray = worth.round(DIGITS)
    return found
