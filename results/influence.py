"""What each test example contributes to a figure: the ground that every interval stands on.

A figure's variance over test examples follows from its influence function (the infinitesimal
jackknife: Efron 1982, chapter 6), without drawing anything at random. Examples of one group (a
module, a sentence) are not independent: their contributions are added up first.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """A figure of one model at one seed on G groups of test examples.

    Attributes:
        value: the figure.
        estimator: `share`, `ratio` or `spearman`.
        groups: (G,) their names; empty where nothing is known of the examples.
        influence: (G,) about 0: were group g twice as heavy in a test set of G groups, the figure
            would change by influence[g] / G. Its variance over G is the figure's.
    """

    value: float
    estimator: str
    groups: np.ndarray
    influence: np.ndarray

    def fits(self, other: "Sample") -> bool:
        """Whether the two were measured on the same test examples."""
        return len(self.groups) > 1 and np.array_equal(self.groups, other.groups)


def sample(value: float, estimator: str, rows: pd.DataFrame | None) -> Sample:
    """The figure with its groups' influence.

    Args:
        value: the figure as recorded.
        estimator: how it follows from the rows (results/record.py).
        rows: columns group, value and target; None where the measure kept none.
    """
    if rows is None or rows.empty:
        return Sample(value, estimator, np.empty(0, dtype=object), np.empty(0))
    codes, groups = pd.factorize(rows["group"])
    values = rows["value"].to_numpy(float)
    targets = rows["target"].to_numpy(float)
    if estimator == "spearman":
        each = spearman_influence(values, targets)
    else:
        weights = np.where(np.isnan(targets), 1.0, targets)
        each = ratio_influence(values, weights)
    by_group = np.bincount(codes, each, minlength=len(groups)) * (len(groups) / len(rows))
    return Sample(value, estimator, np.asarray(groups, dtype=object), by_group)


def ratio_influence(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N,) influence of each of N rows on sum(values) / sum(weights)."""
    total = weights.sum()
    centred: np.ndarray = (values - values.sum() / total * weights) * (len(values) / total)
    return centred


def spearman_influence(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) influence of each of N pairs on Spearman's correlation, ties as mean ranks.

    The derivative of the correlation of mid-distribution functions R and S,
    `cov(R, S) / sqrt(var(R) var(S))`, with respect to the weight of a pair (Croux & Dehon 2010,
    equation 5, which has no ties).
    """
    (left, left_above), (right, right_above) = _mid_ranks(first), _mid_ranks(second)
    covariance, left_variance, right_variance = (
        float((a * b).mean()) for a, b in ((left, right), (left, left), (right, right))
    )
    scale = np.sqrt(left_variance * right_variance)
    if scale == 0:
        return np.zeros(len(first))
    moved = left * right + left_above(right) + right_above(left) - 3 * covariance
    moved_left = left**2 + 2 * left_above(left) - 3 * left_variance
    moved_right = right**2 + 2 * right_above(right) - 3 * right_variance
    relative = moved_left / left_variance + moved_right / right_variance
    influence: np.ndarray = moved / scale - covariance / scale / 2 * relative
    return influence


def _mid_ranks(values: np.ndarray):  # type: ignore[no-untyped-def]
    """(N,) mid-distribution function less 1/2, and a function that gives for N weights the mean
    weight of what lies above each value, half of what ties with it.
    """  # noqa: D205
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    size = len(values)
    ranks = (np.cumsum(counts) - counts / 2)[place] / size - 0.5

    def above(weights: np.ndarray) -> np.ndarray:
        sums = np.bincount(place, weights, minlength=len(counts))
        tail = sums[::-1].cumsum()[::-1] - sums / 2
        found: np.ndarray = tail[place] / size
        return found

    return ranks, above
