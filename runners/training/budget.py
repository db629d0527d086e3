"""What a run may spend, and the ledger of what it did spend."""

import math
from dataclasses import dataclass
from typing import ClassVar

import results.training


@dataclass(frozen=True, kw_only=True)
class BudgetConfig:
    """The budget, the same for every objective.

    Attributes:
        unit: `flops` (the headline comparison), `tokens` (of the corpus, each row once),
            `steps`, or `seconds` (not repeatable).
        amount: how many. The update that reaches it is the last.
    """

    UNITS: ClassVar = ("flops", "tokens", "steps", "seconds")

    unit: str
    amount: float

    def __post_init__(self) -> None:
        if self.unit not in self.UNITS:
            raise ValueError(f"unit is {self.unit!r}; known: {', '.join(self.UNITS)}")
        if not 0 < self.amount < math.inf:
            raise ValueError(f"amount is {self.amount}; a budget must be above 0")


@dataclass
class Ledger(results.training.Ledger):
    """The ledger of a training under way."""

    def progress(self, budget: BudgetConfig) -> float:
        """The share of the budget that is spent, in [0, 1]."""
        return min(1.0, self.spent(budget.unit) / budget.amount)
