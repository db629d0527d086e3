"""What an objective is: how it corrupts a batch, and the loss it takes on the result."""

from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from models.backbone import Encoder
from models.batch import Batch, Views
from models.build import set_initial_weights
from models.config import BackboneConfig
from models.flops import TRAINING_FACTOR
from models.registry import Kind, Named
from models.vocabulary import Vocabulary
from objectives.prepared import LossOutput, Prepared
from objectives.randomness import RowRandom
from objectives.schedule import Schedule
from objectives.traits import Likelihood as Likelihood  # plugins find all that they need here
from objectives.traits import Traits as Traits


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in a training.

    Attributes:
        step: updates taken before.
        progress: share of the budget that is spent, in [0, 1].
    """

    step: int = 0
    progress: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of a training with an optimization of its own.

    Attributes:
        index: counted from 0.
        progress: share of the phase's own budget that is spent.
        learning_rate: its peak.
        rows_per_update: rows of the stream that make one update.
        views: what a row must hold to count as one.
        warmup: share of the phase over which the learning rate rises; None for the trainer's.
        fresh_optimizer: whether it begins with an optimizer that remembers nothing.
        share: of the budget.
    """

    index: int
    progress: float
    learning_rate: float
    rows_per_update: int
    views: Views = ""
    warmup: float | None = None
    fresh_optimizer: bool = False
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Objective(Named, ABC):
    """A pretraining objective: its hyperparameters, and nothing that is trained.

    A new one is a frozen dataclass in objectives/NAME.py and its values in
    conf/objective/NAME.yaml. Range checks go into `check_values`, as ValueError.

    Attributes:
        name: as tables show it, and unless the YAML says `kind`, as the registry knows it.
        learning_rate: peak of AdamW's schedule. Its YAML states where the value comes from.
        rows_per_update: rows of the stream that make one update; where it needs pairs, rows that
            hold them, and those between are passed over.
        schedules: of the numbers above and below that change while the model is trained.
    """

    TRAITS: ClassVar[Traits]

    name: str
    learning_rate: float
    rows_per_update: int
    schedules: tuple[tuple[str, Schedule], ...] = field(default=(), metadata={"written": False})

    def __post_init__(self) -> None:
        self._check_values_at_all_times()
        self._check_traits()

    def _check_values_at_all_times(self) -> None:
        for name, _ in self.schedules:
            if name not in self.schedulable:
                raise ValueError(
                    f"{name} of {self.name} cannot follow a schedule; these can: "
                    f"{', '.join(self.schedulable)}"
                )
        if not self.schedules:
            self.check_values()
            return
        for _, schedule in self.schedules:
            for progress in schedule.extremes:
                self.at(progress)

    def _check_traits(self) -> None:
        """Raise ValueError unless there are some; those of a property are made here first."""
        stated = getattr(self, "TRAITS", None)
        if type(self).traits is Objective.traits and not isinstance(stated, Traits):
            raise ValueError(
                f"{type(self).__name__} states no traits; give it TRAITS = Traits(family=..., "
                "attention=..., unit=..., supervises=...)"
            )
        try:
            _ = self.traits
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error

    def check_values(self) -> None:
        """Raise ValueError, naming the setting and a right value, for what cannot be."""
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if self.rows_per_update < 1:
            raise ValueError(f"rows_per_update is {self.rows_per_update}; it must be at least 1")

    def at(self, progress: float) -> Self:
        """Itself with every scheduled number at its value for that share of the budget."""
        if not self.schedules:
            return self
        now: dict[str, Any] = {}
        for name, schedule in self.schedules:
            setting, _, key = name.partition(".")
            value = schedule.value(progress)
            now[setting] = (
                {**now.get(setting, getattr(self, setting)), key: value} if key else value
            )
        return replace(self, schedules=(), **now)

    @property
    def schedulable(self) -> list[str]:
        """Settings that may follow a schedule; `weights.mlm` is one of a mapping's."""
        return [f.name for f in fields(self) if f.type in (float, "float")]

    @property
    def traits(self) -> Traits:
        """What it states of itself."""
        return self.TRAITS

    def fitted(self, holds: Set[Views]) -> Self:
        """Itself with what it leaves to the corpus decided.

        Args:
            holds: what the corpus's rows hold beside one text.
        """
        return self

    def with_rows(self, rows_per_update: int) -> Self:
        """The same with another number of rows an update; of a fusion, in all its terms."""
        return replace(self, rows_per_update=rows_per_update)

    def leaves(self, prepared: Prepared) -> list[tuple["Objective", Prepared, float, str]]:
        """The parts of an update that are differentiated one after the other.

        Returns:
            For each its objective, input, weight in the total, and what leads its terms' names.
        """
        return [(self, prepared, 1.0, "")]

    def chance(self, prepared: Prepared) -> float | None:
        """The loss of an even guess on such a batch, or None where that is not one number."""
        return None

    @property
    def columns(self) -> tuple["Objective", ...]:
        """The objectives under whose loss its model is at home: itself; of a fusion, its parts."""
        return (self,)

    def phase(self, progress: float) -> Phase:
        """How the model is optimized at a share of the budget."""
        return Phase(
            index=0,
            progress=progress,
            learning_rate=self.at(progress).learning_rate,
            rows_per_update=self.rows_per_update,
            views=self.traits.views,
        )

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Every phase at its beginning."""
        return (self.phase(0.0),)

    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        """Raise ValueError if this objective cannot train such a backbone on such rows.

        Args:
            config: of the backbone.
            sequence_length: longest row in tokens, `[CLS]` and `[SEP]` included.
        """

    def prepare(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """`corrupt`, with every scheduled number at its value."""
        now = self.at(moment.progress)
        prepared = now.corrupt(batch, vocabulary=vocabulary, draw=draw, moment=moment)
        if not self.schedules:
            return prepared
        names = [name for name, _ in self.schedules if "." not in name]
        settings = {name: torch.tensor(float(getattr(now, name))) for name in names}
        return replace(prepared, settings=settings)

    def setting(self, name: str, prepared: Prepared) -> float | Tensor:
        """A number that the loss needs: a tensor if it follows a schedule, so that a compiled
        step is not compiled anew for each value.
        """  # noqa: D205
        value: float = getattr(self, name)
        return prepared.settings.get(name, value)

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
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Inputs, labels and attention of one whole update, eagerly and on the CPU.

        Args:
            batch: all rows of the update, never a micro-batch.
            vocabulary: which ids are special.
            draw: the only source of randomness.
            moment: the place in the training; few need it.
        """

    @abstractmethod
    def loss(self, model: "TrainModel", prepared: Prepared) -> LossOutput:
        """Tensor work only: what torch.compile wraps. Every loss is reported in float32."""

    @abstractmethod
    def counts(self, prepared: Prepared) -> dict[str, int]:
        """Supervised items of each term of the loss, by name, known before it is computed."""

    @abstractmethod
    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """Floating-point operations of one forward pass, heads included (models/flops.py)."""

    def training_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """Those of one forward and one backward pass."""
        return TRAINING_FACTOR * self.forward_flops(config, vocabulary_size, prepared)

    def after_update(self, model: "TrainModel") -> None:
        """Called after every update of the weights, for what must stay within bounds."""


class TrainModel(nn.Module):
    """A backbone, the heads of an objective, and the objective's loss as one forward.

    Args:
        backbone: the shared architecture.
        heads: what the objective trains beside it.
        objective: whose loss `forward` takes.
    """

    def __init__(self, backbone: Encoder, heads: nn.ModuleDict, objective: Objective) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads
        self.objective = objective

    def forward(self, prepared: Prepared, objective: Objective | None = None) -> LossOutput:
        """The step's tensor work, which torch.compile and autocast wrap: the loss of the model's
        objective, or of one of its parts.
        """  # noqa: D205
        return (objective or self.objective).loss(self, prepared)


def build_model(
    objective: Objective, config: BackboneConfig, vocabulary_size: int, seed: int
) -> TrainModel:
    """A freshly initialised model: the same backbone weights for every objective at one seed."""
    backbone = config.build(vocabulary_size)
    heads = objective.build_heads(config, vocabulary_size)
    model = TrainModel(backbone, heads, objective)
    set_initial_weights(backbone, heads, seed)
    return model


OBJECTIVES: Kind[Objective] = Kind("objective", Objective, "objectives", "compare.objectives")
