"""What a run may spend, and the ledger of what it did spend."""

import math
from dataclasses import asdict, dataclass
from typing import ClassVar


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
class Ledger:
    """All that a run spends, whichever of it is the budget.

    Attributes:
        steps: updates of the weights.
        rows: rows of the stream, each once.
        tokens: tokens of those rows, special tokens left out.
        processed_tokens: positions computed, padding and every pass counted.
        supervised_targets: items that the loss was taken on.
        forward_passes: rows that the backbone computed.
        flops: training operations, generators and heads included.
        seconds: of training alone, by the clock.
    """

    steps: int = 0
    rows: int = 0
    tokens: int = 0
    processed_tokens: int = 0
    supervised_targets: int = 0
    forward_passes: int = 0
    flops: int = 0
    seconds: float = 0.0

    def spent(self, unit: str) -> float:
        """How much of a budget's unit is spent."""
        return float(asdict(self)[unit])

    def progress(self, budget: BudgetConfig) -> float:
        """The share of the budget that is spent, in [0, 1]."""
        return min(1.0, self.spent(budget.unit) / budget.amount)
