"""What objectives that compare rows share: one vector a view, two stages, and InfoNCE."""

import math
from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from models.config import BackboneConfig
from models.flops import backbone_flops, linear_flops
from objectives.base import Objective, TrainModel
from objectives.prepared import LossOutput, Prepared


def goes_by_pieces(objective: Objective) -> bool:
    """Whether an update can be computed by pieces: sums by adding up, two stages by GradCache."""
    return objective.traits.additive or isinstance(objective, TwoStage)


class TwoStage(Objective):
    """A loss on the vectors of a whole batch: of rows told apart, or of features made unlike.

    The two stages are apart, so that GradCache (Gao et al. 2021) can take the first by pieces, on
    several processes too: vectors depend on their own row alone, and only the second needs all.
    A layer that looks at the whole batch, such as BatchNorm, belongs into the second.
    """

    @override
    def check_values(self) -> None:
        """Micro-batches would give such a loss another gradient, without a word."""
        super().check_values()
        if self.traits.additive:
            raise ValueError(
                f"{self.name} takes its loss on a whole batch of vectors, so its traits must say "
                "additive=False"
            )

    @abstractmethod
    def embed(self, model: TrainModel, prepared: Prepared) -> Tensor:
        """(rows of `inputs`, D) float32, one vector a view."""

    @abstractmethod
    def contrast(self, model: TrainModel, vectors: Tensor, prepared: Prepared) -> LossOutput:
        """The loss of (rows of `inputs`, D) vectors, all first views first."""

    @override
    def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
        """Vectors of all views, then the contrast between them."""
        return self.contrast(model, self.embed(model, prepared), prepared)


class Contrastive(TwoStage):
    """Tell the views that belong together from those of the other rows of the batch: InfoNCE."""

    @override
    def check_values(self) -> None:
        super().check_values()
        if self.rows_per_update < 2:
            raise ValueError(
                "rows_per_update is 1; a contrastive batch needs at least 2 rows, since every "
                "row is told from the others"
            )

    @override
    def chance(self, prepared: Prepared) -> float:
        return math.log(self.candidates(prepared))

    @override
    def counts(self, prepared: Prepared) -> dict[str, int]:
        return {self.name: prepared.rows}

    @override
    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """One pass of every view, its head, and the matrix of similarities."""
        views, length = prepared.inputs.input_ids.shape
        similarities = linear_flops(prepared.rows, config.hidden_size, self.candidates(prepared))
        return backbone_flops(config, views, length) + self.head_flops(config, views) + similarities

    def candidates(self, prepared: Prepared) -> int:
        """How many each row is told from, its own included."""
        return len(prepared.inputs.input_ids) - prepared.rows

    def head_flops(self, config: BackboneConfig, views: int) -> int:
        """Of what stands between the pooled vectors and the contrast."""
        return 0


def info_nce(first: Tensor, second: Tensor, temperature: float | Tensor) -> Tensor:
    """InfoNCE over in-batch candidates (van den Oord et al. 2018).

    `-log exp(cos(a_i, b_i) / t) / sum_j exp(cos(a_i, b_j) / t)`

    Args:
        first: (B, D) anchors.
        second: (M, D) candidates, M >= B; row i is the positive of anchor i, rows from B on are
            negatives of all.
        temperature: t, above 0.

    Returns:
        (B,) losses in nats; chance is ln M.
    """
    with torch.autocast(first.device.type, enabled=False):  # bf16 cosines are off by 0.4 %
        candidates = F.normalize(second.float(), dim=-1)
        cosines = F.normalize(first.float(), dim=-1) @ candidates.T  # (B, M)
        targets = torch.arange(len(first), device=first.device)
        return F.cross_entropy(cosines / temperature, targets, reduction="none")
