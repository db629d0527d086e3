"""SimCSE: contrastive learning with dropout as the only noise (Gao et al. 2021)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.batch import Attention, Batch
from models.config import BackboneConfig
from models.flops import projector_flops
from models.heads import Projector
from models.pooling import POOLINGS, pool
from models.vocabulary import Vocabulary
from objectives.base import Moment, TrainModel, Traits
from objectives.contrastive import Contrastive, info_nce
from objectives.prepared import LossOutput, Prepared, Term
from objectives.randomness import RowRandom


@dataclass(frozen=True, kw_only=True)
class SimCSE(Contrastive):
    """Tell a row's second pass under fresh dropout from the other rows of the batch.

    A dense layer with tanh stands on the pooled vector in training and is removed at test.

    Attributes:
        temperature: divides the cosine, above 0.
        pooling: how a row becomes a vector in training.
        dropout: rate of its own passes, which makes the views; None for the backbone's.
    """

    TRAITS = Traits(
        family="CL",
        attention="bidirectional",
        unit="row",
        supervises="rows, against each other",
        additive=False,
        passes=2,
        noisy=True,
    )

    temperature: float = 0.05
    pooling: str = "cls"
    dropout: float | None = 0.1

    @override
    def check_values(self) -> None:
        super().check_values()
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it must be above 0, e.g. 0.05")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}; known: {', '.join(POOLINGS)}")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must lie in [0, 1)")
        if self.dropout == 0 and self.traits.noisy:
            raise ValueError(
                f"dropout is {self.dropout}: it makes the two views of {self.name}, which would be "
                "identical; set 0.1"
            )

    @property
    @override
    def traits(self) -> Traits:
        """With the pooling of its training."""
        return replace(self.TRAITS, pooling=self.pooling)

    @override
    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        """Refuse to leave the noise to a backbone that has none: both views would be identical."""
        without = config.dropout == 0 and config.attention_dropout == 0
        if without and self.dropout is None and self.traits.noisy:
            raise ValueError(
                f"{self.name} needs dropout: with that of the model, which is 0, both views of a "
                "row are identical; set objective.dropout=0.1"
            )

    @override
    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """The training-only `projector`."""
        return nn.ModuleDict({"projector": Projector(config)})

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """The rows twice, one copy after the other; the noise is dropout."""
        twice = Batch(
            batch.input_ids.repeat(2, 1),
            batch.attention_mask.repeat(2, 1),
            batch.row_ids.repeat(2),
        )
        return Prepared.of(twice, Attention("bidirectional"), copies=2)

    @override
    def embed(self, model: TrainModel, prepared: Prepared) -> Tensor:
        """Pooled, and projected where the model has the training head."""
        output = model.backbone(prepared.inputs, attention=prepared.attention, dropout=self.dropout)
        pooled = pool(output, prepared.inputs.attention_mask, self.pooling)  # (2B, D)
        if "projector" in model.heads:
            pooled = model.heads["projector"](pooled)
        return pooled.float()

    @override
    def contrast(self, model: TrainModel, vectors: Tensor, prepared: Prepared) -> LossOutput:
        """InfoNCE from the first pass of each row to the second passes of all."""
        anchors = vectors[: prepared.rows]
        values = info_nce(anchors, vectors[prepared.rows :], self.setting("temperature", prepared))
        rows = torch.arange(len(values), device=values.device)
        return LossOutput((Term(self.name, values, rows),))

    @override
    def head_flops(self, config: BackboneConfig, views: int) -> int:
        return projector_flops(config, views)
