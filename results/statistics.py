"""Intervals and contrasts: over seeds by Student's t, over test examples by the bootstrap.

The two say different things and are kept apart. Over seeds: would another initialization and
order of data give the same? Over examples: would other test examples? A bootstrap over 3 seeds
covers 73 % instead of 95 %, Student's t covers 95 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: the mean over seeds.
        low, high: 95 % limits; None where nothing supports an interval.
        over: what the interval is over: `seeds`, `examples` or nothing.
        values: one a seed.
    """

    value: float
    low: float | None = None
    high: float | None = None
    over: str = ""
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Contrast:
    """The difference of two models in one figure.

    Attributes:
        difference: first minus second.
        low, high: 95 % limits.
        p: two-sided.
        over: `seeds` or `examples`.
        correlation: of the two models' figures over shared seeds, where there are several.
    """

    difference: float
    low: float
    high: float
    p: float
    over: str
    correlation: float | None = None


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % limits of the mean of n >= 2 values, by Student's t with n - 1 degrees."""
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * np.std(values, ddof=1)
    half /= np.sqrt(len(values))
    return float(np.mean(values) - half), float(np.mean(values) + half)


def bootstrap(rows: pd.DataFrame, estimator: str, resamples: int) -> np.ndarray:
    """(resamples,) the figure under resampling of whole groups of test examples.

    The draws depend on the number of groups alone, so that two models measured on the same
    examples are resampled together.

    Args:
        rows: columns group and value, and target where the estimator needs it.
        estimator: `mean` of value, `ratio` of the sums of value and target, or `spearman`.
        resamples: how many.
    """
    codes, groups = pd.factorize(rows["group"])
    generator = np.random.default_rng(0)
    count = len(groups)
    if estimator == "spearman":
        places = [np.flatnonzero(codes == code) for code in range(count)]
        value, target = rows["value"].to_numpy(), rows["target"].to_numpy()
        drawn = np.empty(resamples)
        for index in range(resamples):
            chosen = np.concatenate([places[i] for i in generator.integers(0, count, count)])
            drawn[index] = stats.spearmanr(value[chosen], target[chosen]).statistic
        return drawn
    weights = generator.multinomial(count, np.full(count, 1 / count), size=resamples)
    denominators = rows["target"] if estimator == "ratio" else pd.Series(1.0, index=rows.index)
    tops = np.bincount(codes, rows["value"], minlength=count)
    bottoms = np.bincount(codes, denominators, minlength=count)
    figures: np.ndarray = (weights @ tops) / (weights @ bottoms)
    return figures


def percentile_interval(drawn: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of resampled figures."""
    low, high = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def example_contrast(
    first: pd.DataFrame, second: pd.DataFrame, estimator: str, resamples: int, difference: float
) -> Contrast:
    """The difference of two models on the same test examples, resampled together.

    Raises:
        ValueError: the two were not measured on the same examples.
    """
    if list(first["group"]) != list(second["group"]):
        raise ValueError("two models cannot be contrasted on different test examples")
    drawn = bootstrap(first, estimator, resamples) - bootstrap(second, estimator, resamples)
    low, high = percentile_interval(drawn)
    tail = 1 + min((drawn <= 0).sum(), (drawn >= 0).sum())
    return Contrast(difference, low, high, min(1.0, 2 * tail / (resamples + 1)), "examples")


def seed_contrast(first: Sequence[float], second: Sequence[float]) -> Contrast:
    """The paired t test over shared seeds, fixed in advance; its correlation says if it paid.

    Args:
        first: one figure a seed, at least 2.
        second: of the other model, the same seeds in the same order.
    """
    differences = np.subtract(first, second)
    low, high = t_interval(list(differences))
    spread = float(np.std(differences, ddof=1))
    if spread == 0:
        p = 1.0 if differences[0] == 0 else 0.0
    else:
        p = float(stats.ttest_rel(first, second).pvalue)
    varied = np.std(first) > 0 and np.std(second) > 0
    correlation = float(np.corrcoef(first, second)[0, 1]) if varied else None
    return Contrast(float(differences.mean()), low, high, p, "seeds", correlation)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(order))
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = highest
    return [float(p) for p in adjusted]
