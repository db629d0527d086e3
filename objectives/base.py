"""What an objective is: how it corrupts a batch, and the loss it takes on the result."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.backbone import Encoder
from models.batch import Batch
from models.build import set_initial_weights
from models.config import BackboneConfig
from models.flops import TRAINING_FACTOR
from models.vocabulary import Vocabulary
from objectives.prepared import LossOutput, Prepared
from objectives.randomness import RowRandom
from objectives.trainable import Leaf, Trainable
from objectives.trainable import Moment as Moment  # plugins find all that they need here
from objectives.traits import Likelihood as Likelihood
from objectives.traits import Traits as Traits


@dataclass(frozen=True, kw_only=True)
class Objective(Trainable):
    """A pretraining objective: its hyperparameters, and nothing that is trained.

    A new one is a frozen dataclass in objectives/NAME.py and its values in
    conf/objective/NAME.yaml. Range checks go into `check_values`, as ValueError. To be written are
    `TRAITS`, `build_heads`, `corrupt`, `loss`, `counts` and `forward_flops`.
    """

    TRAITS: ClassVar[Traits]

    @override
    def __post_init__(self) -> None:
        stated = getattr(self, "TRAITS", None)
        if type(self).traits is Objective.traits and not isinstance(stated, Traits):
            raise ValueError(
                f"{type(self).__name__} states no traits; give it TRAITS = Traits(family=..., "
                "attention=..., unit=..., supervises=...)"
            )
        super().__post_init__()

    @property
    @override
    def traits(self) -> Traits:
        return self.TRAITS

    @property
    @override
    def columns(self) -> tuple["Objective", ...]:
        return (self,)

    @override
    def prepare(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> tuple[Leaf, ...]:
        """`corrupt`, with every scheduled number at its value."""
        now = self.at(moment.progress)
        prepared = now.corrupt(batch, vocabulary=vocabulary, draw=draw, moment=moment)
        names = [name for name, _ in self.schedules if "." not in name]
        settings = {name: torch.tensor(float(getattr(now, name))) for name in names}
        if settings:
            prepared = replace(prepared, settings=settings)
        return (Leaf(self, prepared),)

    def setting(self, name: str, prepared: Prepared) -> float | Tensor:
        """A number that the loss needs: a tensor if it follows a schedule, so that a compiled
        step is not compiled anew for each value.
        """  # noqa: D205
        value: float = getattr(self, name)
        return prepared.settings.get(name, value)

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

    def chance(self, prepared: Prepared) -> float | None:
        """The loss of an even guess on such a batch, or None where that is not one number."""
        return None

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

    def start(self, model: "TrainModel") -> None:
        """Called once the initial weights are drawn, for what begins otherwise.

        A teacher begins as a copy of the backbone; what it holds is not to require gradients.
        """

    def after_update(self, model: "TrainModel", moment: Moment, kept: Mapping[str, Tensor]) -> None:
        """Called after every update of the weights, never while a model is measured.

        For what must stay within bounds, a teacher that follows, or a queue.

        Args:
            model: after the update.
            moment: of the update.
            kept: by name what `LossOutput.kept` had, of all micro-batches one after the other;
                empty where a fusion gave the update to other objectives.
        """


class TrainModel(nn.Module):
    """A backbone and heads, and an objective's loss as one forward.

    Args:
        backbone: the shared architecture.
        heads: what is trained beside it, by name.
    """

    def __init__(self, backbone: Encoder, heads: nn.ModuleDict) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads

    def forward(self, objective: Objective, prepared: Prepared) -> LossOutput:
        """The step's tensor work, which torch.compile and autocast wrap."""
        return objective.loss(self, prepared)


def build_model(
    objective: Trainable, config: BackboneConfig, vocabulary_size: int, seed: int
) -> TrainModel:
    """A freshly initialised model: the same backbone weights for every objective at one seed."""
    backbone = config.build(vocabulary_size)
    heads = objective.build_heads(config, vocabulary_size)
    set_initial_weights(backbone, heads, seed)
    model = TrainModel(backbone, heads)
    for column in objective.columns:
        column.start(model)
    return model
