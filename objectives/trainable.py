"""What can be trained on: an objective, or several that are fused. What both have in common."""

from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from torch import nn

from models.batch import Batch, Views
from models.config import BackboneConfig
from models.registry import Kind, Named
from models.vocabulary import Vocabulary
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from objectives.schedule import Schedule
from objectives.traits import Traits

if TYPE_CHECKING:
    from objectives.base import Objective


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


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part of an update that is differentiated by itself.

    Attributes:
        objective: whose loss is taken.
        prepared: its input.
        weight: of the loss in the total.
        name: leads the names of its terms where there are several leaves: `mlm: `.
    """

    objective: "Objective"
    prepared: Prepared
    weight: float = 1.0
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Trainable(Named, ABC):
    """Hyperparameters of what is trained on, and nothing that is trained.

    Attributes:
        name: as tables show it, and unless the YAML says `kind`, as the registry knows it.
        learning_rate: peak of AdamW's schedule. Its YAML states where the value comes from.
        rows_per_update: rows of the stream that make one update; where it needs pairs, rows that
            hold them, and those between are passed over.
        schedules: of the numbers above and below that change while the model is trained.
    """

    name: str
    learning_rate: float
    rows_per_update: int
    schedules: tuple[tuple[str, Schedule], ...] = field(default=(), metadata={"written": False})

    def __post_init__(self) -> None:
        for name, _ in self.schedules:
            if name not in self.schedulable:
                raise ValueError(
                    f"{name} of {self.name} cannot follow a schedule; these can: "
                    f"{', '.join(self.schedulable)}"
                )
        if not self.schedules:
            self.check_values()
        for _, schedule in self.schedules:
            for progress in schedule.extremes:
                self.at(progress)
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
    @abstractmethod
    def traits(self) -> Traits:
        """What it states of itself."""

    @property
    @abstractmethod
    def columns(self) -> tuple["Objective", ...]:
        """The objectives under whose loss its model is at home: itself; of a fusion, its parts."""

    def fitted(self, holds: Set[Views]) -> Self:
        """Itself with what it leaves to the corpus decided.

        Args:
            holds: what the corpus's rows hold beside one text.
        """
        return self

    def with_rows(self, rows_per_update: int) -> Self:
        """The same with another number of rows an update; of a fusion, in all its terms."""
        return replace(self, rows_per_update=rows_per_update)

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
        """Raise ValueError if such a backbone cannot be trained on such rows.

        Args:
            config: of the backbone.
            sequence_length: longest row in tokens, `[CLS]` and `[SEP]` included.
        """

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
    def prepare(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> tuple[Leaf, ...]:
        """What an update is computed from, eagerly and on the CPU.

        Args:
            batch: all rows of the update, never a micro-batch.
            vocabulary: which ids are special.
            draw: the only source of randomness.
            moment: the place in the training.
        """


OBJECTIVES: Kind[Trainable] = Kind("objective", Trainable, "objectives", "compare.objectives")
