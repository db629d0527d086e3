"""What a record says of a training: what was spent, and what shows that it was held equal."""

from dataclasses import asdict, dataclass, field
from typing import Any


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


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """What was spent and trained, and the hashes that show what was held equal.

    Attributes:
        ledger: at the end.
        parameters: trained, heads included.
        backbone_parameters, embedding_parameters, position_parameters: of the backbone, and of
            these its token and position embeddings.
        head_parameters: by head.
        init_hash: of the backbone's weights before the first step.
        weights_hash: of all weights after the last.
        rows_hash: of the ids of the rows received, in order.
        rows_hash_at: that hash after 1, 2, 4, 8, ... rows.
        folder: of the weights.
        phases: of the objective, each at its beginning.
        optimizer: with its settings, in words.
        matrix_weights: that every token is multiplied by.
        rows_at_once: to which memory that was short has brought them; None where it never was.
        better_model: a smaller preset that is better at this budget, with its weights, or None.
    """

    ledger: Ledger
    parameters: int
    backbone_parameters: int
    embedding_parameters: int = 0
    position_parameters: int = 0
    head_parameters: dict[str, int]
    init_hash: str
    weights_hash: str = ""
    rows_hash: str
    rows_hash_at: dict[str, str]
    folder: str
    phases: list[dict[str, Any]]
    optimizer: str
    matrix_weights: int = 0
    better_model: dict[str, Any] | None = field(default=None)
    rows_at_once: int | None = None

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TrainingFacts":
        """What `asdict` made of one."""
        return cls(**{**content, "ledger": Ledger(**content["ledger"])})
