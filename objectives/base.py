"""What an objective is: how it corrupts a batch, and the loss it takes on the result."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from models.backbone import Backbone, BackboneConfig
from models.batch import Attention, AttentionKind, Batch
from models.initialization import initialize
from models.vocabulary import Vocabulary
from objectives.randomness import RowRandom

IGNORE_INDEX = -100
"""The label of a position that is not supervised."""

Family = Literal["LM", "DAE", "CL"]
Likelihood = Literal["causal", "pseudo", "none"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One update's input after corruption: all that is random or of data-dependent size is done.

    Attributes:
        inputs: the rows that the backbone reads.
        attention: who may look at whom.
        labels: (B, T) int64, IGNORE_INDEX where nothing is supervised; None without token targets.
        positions: (N,) int64, the supervised places in the flattened (B * T,) rows.
        targets: (N,) int64, their labels. N is known before the tensor work, so that the
            vocabulary projection runs on N positions only and no shape depends on values.
        copies: how many copies of the batch `inputs` holds, one after the other (SimCSE: 2).
    """

    inputs: Batch
    attention: Attention
    labels: Tensor | None
    positions: Tensor
    targets: Tensor
    copies: int = 1

    @classmethod
    def of(
        cls, inputs: Batch, attention: Attention, labels: Tensor | None = None, copies: int = 1
    ) -> "Prepared":
        """Work out `positions` and `targets` from `labels`."""
        flat = torch.empty(0, dtype=torch.int64) if labels is None else labels.flatten()
        positions = flat.ne(IGNORE_INDEX).nonzero().flatten()
        return cls(inputs, attention, labels, positions, flat[positions], copies)

    def split(self, rows: int) -> list["Prepared"]:
        """Micro-batches of at most `rows` rows of the stream, for accumulation."""
        total = len(self.inputs.input_ids)
        if rows * self.copies >= total:
            return [self]
        assert self.copies == 1, "views that are compared with each other stay together"
        return [
            Prepared.of(
                self.inputs.rows(start, start + rows),
                self.attention,
                None if self.labels is None else self.labels[start : start + rows],
            )
            for start in range(0, total, rows)
        ]

    def to(self, device: str) -> "Prepared":
        """The same on another device, where the tensor work is done."""
        return replace(
            self,
            inputs=self.inputs.to(device),
            labels=None,
            positions=self.positions.to(device, non_blocking=True),
            targets=self.targets.to(device, non_blocking=True),
        )


@dataclass(frozen=True, slots=True)
class Term:
    """One named part of a loss.

    Attributes:
        name: shown in curves.
        values: (N,) float32, the loss of each supervised item (a token, a pair).
        rows: (N,) int64, the row of the batch that each item belongs to.
        weight: its share in the total.
    """

    name: str
    values: Tensor
    rows: Tensor
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class LossOutput:
    """The terms of a loss, undivided: sums are taken over a whole update, then divided once."""

    terms: tuple[Term, ...]

    def total(self, counts: Sequence[int]) -> Tensor:
        """The scalar to differentiate: each term's sum over its count in the whole update."""
        parts = [
            term.weight * term.values.sum() / count
            for term, count in zip(self.terms, counts, strict=True)
        ]
        return torch.stack(parts).sum()


@dataclass(frozen=True, kw_only=True)
class Objective(ABC):
    """A pretraining objective: its hyperparameters, and nothing that is trained.

    A new one is a frozen dataclass in objectives/NAME.py and its values in
    conf/objective/NAME.yaml. Range checks go into `__post_init__`, as ValueError.

    Attributes:
        name: as the registry knows it.
        learning_rate: peak of AdamW's schedule. Its YAML states where the value comes from.
        rows_per_update: rows of the stream that make one update.
    """

    family: ClassVar[Family]
    """Language modelling, denoising auto-encoding or contrastive learning."""
    attention: ClassVar[AttentionKind]
    """Who may look at whom when the trained model is probed."""
    likelihood: ClassVar[Likelihood]
    """How the trained model scores a text: from left to right, masked one by one, or not."""
    unit: ClassVar[str]
    """What one supervised item is: the loss is in nats per this."""
    additive: ClassVar[bool]
    """Whether the loss of a batch is the sum over its parts, so that it may be accumulated."""
    passes: ClassVar[int] = 1
    """Rows that the backbone computes for each row of the stream."""
    noisy: ClassVar[bool] = False
    """Whether the loss is taken under dropout also when it is measured."""
    test_heads: ClassVar[tuple[str, ...]] = ()
    """Heads that the loss is measured with. A training-only head is left out."""

    name: str
    learning_rate: float
    rows_per_update: int

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if self.rows_per_update < 1:
            raise ValueError(f"rows_per_update is {self.rows_per_update}; it must be at least 1")

    def check(self, config: BackboneConfig) -> None:  # noqa: B027
        """Raise ValueError if this objective cannot train such a backbone."""

    @abstractmethod
    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """What is trained beside the backbone, by name.

        Args:
            config: of the backbone.
            vocabulary_size: V.
            tied: share the token embeddings; False gives every head parameters of its own.
        """

    @abstractmethod
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, progress: float
    ) -> Prepared:
        """Inputs, labels and attention of one whole update, eagerly and on the CPU.

        Args:
            batch: all rows of the update, never a micro-batch.
            vocabulary: which ids are special.
            draw: the only source of randomness.
            progress: share of the budget that is spent, in [0, 1].
        """

    @abstractmethod
    def loss(self, model: "TrainModel", prepared: Prepared) -> LossOutput:
        """Tensor work only: what torch.compile wraps. Every loss is reported in float32."""

    @abstractmethod
    def counts(self, prepared: Prepared) -> tuple[int, ...]:
        """Supervised items of each term of the loss, known before it is computed."""

    @abstractmethod
    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """Floating-point operations of one forward pass, heads included (models/flops.py)."""


class TrainModel(nn.Module):
    """A backbone, the heads of an objective, and the objective's loss as one forward.

    Args:
        backbone: the shared architecture.
        heads: what the objective trains beside it.
        objective: whose loss `forward` takes.
    """

    def __init__(self, backbone: Backbone, heads: nn.ModuleDict, objective: Objective) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads
        self.objective = objective

    def forward(self, prepared: Prepared) -> LossOutput:
        """The objective's loss: the step's tensor work, wrapped by torch.compile and autocast."""
        return self.objective.loss(self, prepared)


def build_model(
    objective: Objective, config: BackboneConfig, vocabulary_size: int, seed: int
) -> TrainModel:
    """A freshly initialised model: the same backbone weights for every objective at one seed."""
    backbone = Backbone(config, vocabulary_size)
    heads = objective.build_heads(config, vocabulary_size)
    model = TrainModel(backbone, heads, objective)
    initialize(model, seed=seed, std=config.initializer_range)
    return model
