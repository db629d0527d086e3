"""CLIP: two towers, one space (Radford et al. 2021)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.config import BackboneConfig
from models.flops import linear_flops
from models.heads import LogitScale
from models.pooling import POOLINGS, pool
from models.vocabulary import Vocabulary
from objectives.base import Moment, TrainModel, Traits
from objectives.contrastive import Contrastive, info_nce
from objectives.prepared import LossOutput, Prepared, Term
from objectives.randomness import RowRandom
from objectives.views import natural_views, stack_views


@dataclass(frozen=True, kw_only=True)
class CLIP(Contrastive):
    """Match the first text of each row with its second, in both directions.

    Both texts go through the backbone and each through a projection of its own; the temperature
    is learned, as a logit scale between 1 and 100.

    Attributes:
        temperature: at the start.
        pooling: how a text becomes a vector in training.
    """

    TRAITS = Traits(
        family="CL",
        attention="bidirectional",
        unit="pair",
        supervises="rows with a pair, against each other",
        additive=False,
        passes=2,
        test_heads=("first_projection", "second_projection", "logit_scale"),
        views="pairs",
    )

    temperature: float = 0.07
    pooling: str = "mean"

    def check_values(self) -> None:
        """A temperature that a logit scale between 1 and 100 can have."""
        super().check_values()
        if not 0.01 <= self.temperature <= 1:
            raise ValueError(f"temperature is {self.temperature}; it must lie in [0.01, 1]")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}; known: {', '.join(POOLINGS)}")

    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """A projection for each tower, and the logit scale."""
        width = config.hidden_size
        return nn.ModuleDict(
            {
                "first_projection": nn.Linear(width, width, bias=False),
                "second_projection": nn.Linear(width, width, bias=False),
                "logit_scale": LogitScale(1 / self.temperature),
            }
        )

    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """The texts of each row as rows of their own; rows without a pair are left out."""
        views, row_ids = natural_views(batch, 2)
        return stack_views(views, row_ids, vocabulary)

    def embed(self, model: TrainModel, prepared: Prepared) -> Tensor:
        """Pooled; the projections differ by view and stand in the contrast."""
        output = model.backbone(prepared.inputs, attention=prepared.attention)
        return pool(output, prepared.inputs.attention_mask, self.pooling).float()

    def contrast(self, model: TrainModel, vectors: Tensor, prepared: Prepared) -> LossOutput:
        """The mean of both directions' cross-entropies over all pairs of the batch."""
        first = model.heads["first_projection"](vectors[: prepared.rows])
        second = model.heads["second_projection"](vectors[prepared.rows :])
        values = clip_loss(first, second, model.heads["logit_scale"]())
        rows = torch.arange(len(values), device=values.device)
        return LossOutput((Term(self.name, values, rows),))

    def after_update(self, model: TrainModel) -> None:
        """Keep the logit scale between 1 and 100."""
        model.heads["logit_scale"].clamp()  # type: ignore[operator]

    def head_flops(self, config: BackboneConfig, views: int) -> int:
        """A projection of every view, and the similarities in the other direction."""
        width = config.hidden_size
        return linear_flops(views, width, width) + linear_flops(views // 2, width, views // 2)


def clip_loss(first: Tensor, second: Tensor, scale: Tensor) -> Tensor:
    """CLIP's symmetric cross-entropy, row by row.

    Args:
        first: (B, D).
        second: (B, D); rows i of both belong together.
        scale: (), what cosines are multiplied by.

    Returns:
        (B,) losses in nats: half that of finding the second by the first, half the reverse.
    """
    return (info_nce(first, second, 1 / scale) + info_nce(second, first, 1 / scale)) / 2
