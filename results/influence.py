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
        estimator: as of a Metric (results/record.py).
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
    elif estimator in CLASSIFIED:
        each = CLASSIFIED[estimator](values, targets)
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


def macro_f1_influence(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,) influence of each of N classified examples on the mean over classes of F1.

    Of a class k that is predicted with share p_k, true with share t_k and both with share c_k,
    F1 is 2 c_k / (p_k + t_k).
    """
    shares, rows, columns = _confusion(predicted, truth)
    right = np.diag(shares)  # (K,)
    sums = shares.sum(1) + shares.sum(0)  # (K,), above 0: every class is predicted or true
    lost = 2 * right / sums**2
    moved = np.diag(2 / sums) - lost[:, None] - lost[None, :]  # (K, K)
    influence: np.ndarray = _about_0(moved / len(right), shares)[rows, columns]
    return influence


def mcc_influence(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,) influence of each of N classified examples on Matthews' correlation coefficient.

    With shares p of predicted and t of true classes and c of right answers it is
    (c - p.t) / sqrt((1 - p.p)(1 - t.t)) (Gorodkin 2004 for K classes); 0 where one class is all.
    """
    shares, rows, columns = _confusion(predicted, truth)
    guessed, true = shares.sum(1), shares.sum(0)  # (K,), (K,)
    spreads = 1 - guessed @ guessed, 1 - true @ true
    scale = np.sqrt(max(spreads[0] * spreads[1], 0.0))  # of one class it may round below 0
    if scale < 1e-6:
        return np.zeros(len(rows))
    value = (np.trace(shares) - guessed @ true) / scale
    moved = (np.eye(len(true)) - true[:, None] - guessed[None, :]) / scale
    moved += value * (guessed[:, None] / spreads[0] + true[None, :] / spreads[1])
    influence: np.ndarray = _about_0(moved, shares)[rows, columns]
    return influence


CLASSIFIED = {"macro_f1": macro_f1_influence, "mcc": mcc_influence}
"""Figures that follow from predicted classes (values) and true ones (targets)."""


def _confusion(
    predicted: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(K, K) shares of predicted by true classes, and of each of N examples its place there."""
    classes, places = np.unique(np.concatenate([predicted, truth]), return_inverse=True)
    rows, columns = places[: len(predicted)], places[len(predicted) :]
    shares = np.zeros((len(classes), len(classes)))
    np.add.at(shares, (rows, columns), 1 / len(rows))
    return shares, rows, columns


def _about_0(moved: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Derivatives with respect to shares, as influences: their mean over the examples is 0."""
    centred: np.ndarray = moved - float((moved * shares).sum())
    return centred
