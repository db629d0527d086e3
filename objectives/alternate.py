"""Alternation: each update, or each row, goes to one of the terms, by a fixed ratio."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache

import torch
from typing_extensions import override

from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.fusion import Fusion
from objectives.randomness import RowRandom
from objectives.trainable import Leaf, Moment
from objectives.traits import Traits

LONGEST_PERIOD = 1_000_000
"""Turns after which a ratio must repeat."""


@dataclass(frozen=True, kw_only=True)
class Alternate(Fusion):
    """Turns by a ratio, exactly and on one device (GPT-BERT splits its ratio by GPU instead).

    Each turn goes to the term that is furthest behind its share. By rows, the loss is the sum of
    the terms' means, each weighted by its share of the update's rows.

    Attributes:
        ratio: of the turns, in any unit: `{clm: 1, mntp: 7}`.
        by: `batch` gives a whole update to one term, `row` deals out the rows of each.
    """

    ratio: Mapping[str, float] = field(default_factory=dict)
    by: str = "batch"

    @override
    def check_values(self) -> None:
        self.check_mapping("ratio")
        super().check_values()
        _check_period(self.name, self.ratio)
        if self.by not in ("batch", "row"):
            raise ValueError(f"by is {self.by!r}; known: batch, row")
        if self.by == "row" and not self.traits.additive:
            raise ValueError(
                f"{self.name} deals out single rows, and a term that compares rows needs batches "
                "of them: set objective.by=batch"
            )

    @property
    @override
    def trained(self) -> list[str]:
        """Those that have a turn."""
        return [name for name in self.terms if self.ratio[name] > 0]

    @property
    @override
    def mean_passes(self) -> float:
        total = sum(self.ratio.values())
        return sum(self.ratio[name] / total * t.traits.passes for name, t in self.terms.items())

    @property
    @override
    def traits(self) -> Traits:
        return replace(super().traits, mixes_rows=True)

    @override
    def prepare(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> tuple[Leaf, ...]:
        """The rows to whose turn it is."""
        names = list(self.ratio)
        shares = [self.ratio[name] for name in names]
        rows = len(batch.input_ids)
        if self.by == "batch":
            turn = turns(shares, moment.step, 1)[0]
            chosen = {names[turn]: torch.arange(rows)}
        else:
            dealt = torch.tensor(turns(shares, moment.step * rows, rows))
            chosen = {name: (dealt == i).nonzero().flatten() for i, name in enumerate(names)}
        return tuple(
            leaf
            for name, own in chosen.items()
            if len(own)
            for leaf in self.leaves(
                name,
                batch.select(own),
                weight=len(own) / rows,
                vocabulary=vocabulary,
                draw=draw.select(own),
                moment=moment,
            )
        )


def turns(shares: Sequence[float], start: int, count: int) -> list[int]:
    """Whose turns are the `count` after the first `start`.

    The ratio is brought to whole numbers and repeats with their sum, so that every period hits it
    exactly; within a period the turn is always with who is furthest behind.

    Args:
        shares: of the terms, none negative, with a sum above 0.
        start: turns that have been.
        count: turns wanted.
    """
    period = _period(tuple(shares))
    return [period[turn % len(period)] for turn in range(start, start + count)]


def _check_period(name: str, ratio: Mapping[str, float]) -> None:
    """Raise ValueError where the ratio repeats so late that no training would see it."""
    if (length := sum(_whole(tuple(ratio.values())))) > LONGEST_PERIOD:
        raise ValueError(
            f"ratio of {name} is {dict(ratio)}, which repeats after {length:,} turns, and at most "
            f"{LONGEST_PERIOD:,} are dealt out; round it, or give a share that hardly counts 0"
        )


@cache
def _period(shares: tuple[float, ...]) -> list[int]:
    wanted = _whole(shares)
    had = [0] * len(wanted)
    order = []
    for turn in range(1, sum(wanted) + 1):
        behind = [turn * part - sum(wanted) * have for part, have in zip(wanted, had, strict=True)]
        chosen = behind.index(max(behind))
        had[chosen] += 1
        order.append(chosen)
    return order


def _whole(shares: Sequence[float]) -> list[int]:
    """The shares as whole numbers without a common divisor."""
    fractions = [_fraction(share) for share in shares]
    unit = math.lcm(*(fraction.denominator for fraction in fractions))
    wanted = [int(fraction * unit) for fraction in fractions]
    common = math.gcd(*wanted)
    return [number // common for number in wanted]


def _fraction(share: float) -> Fraction:
    """The share as a simple fraction, to a thousandth of it."""
    exact, most = Fraction(share), 1000
    while abs((found := exact.limit_denominator(most)) - exact) > exact / 1000:
        most *= 10
    return found
