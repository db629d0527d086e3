"""Schedules: any hyperparameter of any objective as a function of the budget spent."""

import math
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A number that changes while a model is trained.

    In a configuration it stands in place of the number: `{schedule: linear, start: 0.3, end:
    0.15}`, or `{schedule: steps, values: [0.3, 0.2, 0.15], at: [0.5, 0.8]}`.

    Attributes:
        schedule: `constant` stays at `start`; `linear` and `cosine` go from `start` to `end`;
            `steps` takes each of `values` in turn.
        start, end: values at the shares 0 and 1 of the budget.
        values: of `steps`.
        at: of `steps`, the shares of the budget at which the next value begins, ascending; one
            fewer than values.
    """

    KINDS: ClassVar = ("constant", "linear", "cosine", "steps")

    schedule: str
    start: float | None = None
    end: float | None = None
    values: tuple[float, ...] = ()
    at: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.schedule not in self.KINDS:
            raise ValueError(f"schedule is {self.schedule!r}; known: {', '.join(self.KINDS)}")
        if self.schedule == "steps":
            ascending = list(self.at) == sorted(self.at) and all(0 < at < 1 for at in self.at)
            if len(self.values) != len(self.at) + 1 or not ascending:
                raise ValueError(
                    f"a schedule of steps needs ascending shares in (0, 1) and one value more; "
                    f"values is {list(self.values)} and at is {list(self.at)}"
                )
        elif self.start is None or (self.end is None and self.schedule != "constant"):
            raise ValueError(
                f"a {self.schedule} schedule needs start"
                + ("" if self.schedule == "constant" else " and end")
            )

    def value(self, progress: float) -> float:
        """The number at a share of the budget, in [0, 1]."""
        if self.schedule == "steps":
            return self.values[sum(at <= progress for at in self.at)]
        assert self.start is not None
        if self.schedule == "constant":
            return self.start
        assert self.end is not None
        way = 0.5 * (1 - math.cos(math.pi * progress)) if self.schedule == "cosine" else progress
        return self.start + way * (self.end - self.start)

    @property
    def extremes(self) -> tuple[float, ...]:
        """Shares of the budget among which all extreme values are taken."""
        return (0.0, *self.at, 1.0)
