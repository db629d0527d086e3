"""Intervals and contrasts over seeds and test examples together.

One seed says nothing of another: its intervals are over test examples alone. With S seeds a
difference D of two models varies for three reasons: its seeds (variance over seeds, V_seeds / S),
test examples that suit one of the two at every seed (V_items), and chance in a single cell of seed
and example, which is part of what varies over seeds. The 95 % limits are

    D +- sqrt(t(df)^2 V_seeds / S + z^2 V_items)

the modified large-sample interval for a sum of variances (Graybill & Wang 1980): exact where
either source outweighs the other, a little wide where they are alike. Two seeds hardly know their
own variance, so that V_seeds is pooled with those models of a table that an F test at 10 % does not
tell apart from them (models stuck on a plateau hardly vary, and would lend a certainty that is
theirs alone); where the two vary more than what was pooled says, they stand by themselves. V_seeds
is never taken below what the test examples by themselves bring about, so that equal differences
give no certainty. The p value is the level at which the interval reaches 0.
tests/benchmarks/null_reports.py measures how often all this is wrong (docs/log.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import fdtr, stdtrit

from results.influence import Sample

LEVEL = 0.95
UNLIKE = 0.1
SHARES = ("share", "macro_f1")
"""Estimators whose limits are Wilson's."""

_MANY = 1e6
"""Degrees of freedom at which Student's t is the normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: the mean over seeds.
        low, high: 95 % limits; None where nothing supports an interval.
        over: what the interval covers: `seeds and examples`, `seeds`, `examples` or nothing.
        values: one a seed.
    """

    value: float
    low: float | None = None
    high: float | None = None
    over: str = ""
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Contrast:
    """The difference of two models in one figure, on the seeds that both have.

    Attributes:
        difference: first minus second.
        low, high: 95 % limits; None where nothing supports an interval.
        p: two-sided; 1 where nothing supports an interval.
        over: as of an Estimate.
        seeds: the shared ones; of a simple method, those of the model.
    """

    difference: float
    low: float | None
    high: float | None
    p: float
    over: str
    seeds: tuple[int, ...]

    @property
    def reversed(self) -> "Contrast":
        """Second minus first."""
        low = None if self.high is None else -self.high
        high = None if self.low is None else -self.low
        return replace(self, difference=-self.difference, low=low, high=high)

    @property
    def sign(self) -> int:
        """1 or -1 where the 95 % interval lies above or below 0, else 0."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True, slots=True)
class Variance:
    """A variance and the degrees of freedom that it was estimated with."""

    value: float
    freedom: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Variance":
        """That of one figure over the seeds of one model; unknown with a single one."""
        if len(values) < 2:
            return cls(0.0, 0.0)
        return cls(float(np.var(values, ddof=1)), len(values) - 1.0)


def pooled(variances: Sequence[Variance]) -> Variance:
    """The common variance of several models, each weighted by its degrees of freedom."""
    freedom = sum(each.freedom for each in variances)
    if not freedom:
        return Variance(0.0, 0.0)
    return Variance(sum(each.value * each.freedom for each in variances) / freedom, freedom)


def with_alike(own: Variance, others: Sequence[Variance]) -> Variance:
    """Pooled with those others that an F test at the level UNLIKE does not tell apart from it."""
    known = [each for each in others if each.freedom]
    if not known or not own.freedom:
        return own
    values = np.array([each.value for each in known])
    freedom = np.array([each.freedom for each in known])
    with np.errstate(divide="ignore", invalid="ignore"):
        below = fdtr(freedom, own.freedom, np.where(values == own.value, 1.0, values / own.value))
    alike = 2 * np.minimum(below, 1 - below) > UNLIKE
    return pooled([own, *(each for each, like in zip(known, alike, strict=True) if like)])


def of_difference(first: Variance, second: Variance, others: Sequence[Variance]) -> Variance:
    """The variance of the difference of two trained models' figures, over seeds.

    Args:
        first: of the one by itself.
        second: of the other.
        others: of each other model of the table.
    """
    own, theirs = pooled([first, second]), first.value + second.value
    common = with_alike(own, others)
    if theirs > 2 * common.value:
        return Variance(theirs, own.freedom)
    return Variance(2 * common.value, common.freedom)


def summed(first: Variance, second: Variance) -> Variance:
    """The variance of the difference of independent figures (Satterthwaite 1946)."""
    known = [each for each in (first, second) if each.freedom]
    total = sum(each.value for each in known)
    parts = sum(each.value**2 / each.freedom for each in known)
    freedom = total**2 / parts if parts else min((each.freedom for each in known), default=0.0)
    return Variance(total, freedom)


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the variance of a figure, a mean over seeds, comes from.

    Attributes:
        seeds: its variance over seeds, by their number.
        cells: the part of that which chance in single cells of seed and example brings about.
        items: what test examples bring about at every seed alike.
        groups: of test examples; 0 where nothing is known of them.
    """

    seeds: Variance
    cells: float
    items: float
    groups: int

    @property
    def over(self) -> str:
        """What an interval covers, in words."""
        named = (("seeds", self.seeds.freedom), ("examples", self.groups > 1))
        return " and ".join(name for name, known in named if known)

    def half_width(self, level: float) -> float:
        """Of the interval at that level."""
        tail = (1 + level) / 2
        normal = float(stdtrit(max(self.groups - 1.0, 1.0) if self.groups else _MANY, tail))
        student = float(stdtrit(self.seeds.freedom, tail)) if self.seeds.freedom else 0.0
        by_seeds = max(student**2 * self.seeds.value, normal**2 * self.cells)
        return math.sqrt(by_seeds + normal**2 * self.items)

    def p_value(self, difference: float) -> float:
        """One minus the level at which the interval reaches from `difference` to 0."""
        if not self.half_width(LEVEL) or not difference:
            return 1.0
        low, high = -14.0, 0.0  # powers of ten between which p lies
        for _ in range(40):
            middle = (low + high) / 2
            if self.half_width(1 - 10**middle) > abs(difference):
                low = middle
            else:
                high = middle
        return float(10**high)


def spread(samples: Sequence[np.ndarray], seeds: Variance, *, offset: float = 0.0) -> Spread:
    """The sources of variance of a mean over seeds.

    Args:
        samples: for each seed the (G,) influence of its groups, all on the same examples; of a
            contrast, those of one model minus those of the other.
        seeds: variance of a single seed's figure.
        offset: of a contrast, the difference. One group more that knows of none is added, so
            that examples that all say the same give no certainty.
    """
    count = len(samples)
    by_seeds = Variance(seeds.value / count, seeds.freedom if count > 1 else 0.0)
    size = len(samples[0])
    if size < 2:
        return Spread(by_seeds, 0.0, 0.0, 0)
    influence = np.stack(samples)  # (S, G)
    common = influence.mean(0)
    total = float((common @ common + offset**2 * size / (size + 1)) / (size * (size - 1)))
    if count == 1:
        return Spread(by_seeds, 0.0, total, size)
    rest = influence - common
    cells = float((rest**2).sum() / ((count - 1) * (size - 1)) / (count * size))
    return Spread(by_seeds, cells, max(total - cells, 0.0), size)


def estimate(samples: Sequence[Sample], seeds: Variance, *, lowest: float = -math.inf) -> Estimate:
    """The mean over seeds with its interval, which stays where the figure can lie.

    Args:
        samples: one a seed.
        seeds: variance of a single seed's figure over seeds.
        lowest: that the figure can be.
    """
    values = tuple(each.value for each in samples)
    mean = sum(values) / len(values)
    alike = all(each.fits(samples[0]) for each in samples)
    influence = [each.influence if alike else np.empty(0) for each in samples]
    found = spread(influence, seeds)
    if not found.over:
        return Estimate(mean, values=values)
    half = found.half_width(LEVEL)
    if not half and found.groups and samples[0].estimator not in SHARES:
        return Estimate(mean, values=values)
    low, high = _limits(mean, half, samples[0].estimator, found.groups)
    return Estimate(mean, max(low, lowest), high, found.over, values)


def _limits(value: float, half: float, estimator: str, groups: int) -> tuple[float, float]:
    """Wilson's limits for a share, Fisher's for a correlation, else symmetrical ones."""
    normal = float(stdtrit(_MANY, (1 + LEVEL) / 2))
    if estimator in SHARES and 0 <= value <= 1:
        count = value * (1 - value) * (normal / half) ** 2 if half else 0.0  # as many trials
        count = count or max(groups, 1)
        shrunk = 1 + normal**2 / count
        centre = (value + normal**2 / (2 * count)) / shrunk
        reach = normal * math.sqrt(value * (1 - value) / count + (normal / count) ** 2 / 4) / shrunk
        return max(0.0, centre - reach), min(1.0, centre + reach)
    if estimator in ("spearman", "mcc") and abs(value) < 1:
        place, reach = math.atanh(value), half / (1 - value**2)
        return math.tanh(place - reach), math.tanh(place + reach)
    return value - half, value + half


def contrast(
    first: Sequence[Sample],
    second: Sequence[Sample],
    seeds: Sequence[int],
    variance: Variance,
) -> Contrast:
    """First minus second, on the same seeds and test examples.

    Args:
        first: one a seed.
        second: of the other model, the same seeds in the same order.
        seeds: which.
        variance: of the difference at a single seed, over seeds.
    """
    difference = float(np.mean([a.value - b.value for a, b in zip(first, second, strict=True)]))
    alike = all(each.fits(first[0]) for each in (*first, *second))
    influence = [
        a.influence - b.influence if alike else np.empty(0)
        for a, b in zip(first, second, strict=True)
    ]
    found = spread(influence, variance, offset=difference)
    half = found.half_width(LEVEL)
    if not found.over or not half:
        return Contrast(difference, None, None, 1.0, "", tuple(seeds))
    return Contrast(
        difference,
        difference - half,
        difference + half,
        found.p_value(difference),
        found.over,
        tuple(seeds),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(order))
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = highest
    return [float(p) for p in adjusted]
