"""SimCSE: contrastive learning with dropout as the only noise (Gao et al. 2021)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.backbone import BackboneConfig
from models.batch import Attention, Batch
from models.flops import backbone_flops, linear_flops, projector_flops
from models.heads import Projector
from models.pooling import POOLINGS, pool
from models.vocabulary import Vocabulary
from objectives.base import LossOutput, Objective, Prepared, Term, TrainModel
from objectives.randomness import RowRandom


@dataclass(frozen=True, kw_only=True)
class SimCSE(Objective):
    """Tell a row's second pass under fresh dropout from the other rows of the batch.

    A dense layer with tanh stands on the pooled vector in training and is removed at test.

    Attributes:
        temperature: divides the cosine, above 0.
        pooling: how a row becomes a vector in training.
    """

    family = "CL"
    attention = "bidirectional"
    likelihood = "none"
    unit = "row"
    additive = False
    passes = 2
    noisy = True

    temperature: float = 0.05
    pooling: str = "cls"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it must be above 0, e.g. 0.05")
        if self.rows_per_update < 2:
            raise ValueError(
                "rows_per_update is 1; a contrastive batch needs at least 2 rows, since every "
                "row is told from the others"
            )
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}; known: {', '.join(POOLINGS)}")

    def check(self, config: BackboneConfig) -> None:
        """Refuse a backbone without dropout: both views of a row would be identical."""
        if config.dropout == 0 and config.attention_dropout == 0:
            raise ValueError(
                "simcse needs dropout: with model.dropout=0 and model.attention_dropout=0 both "
                "views of a row are identical; set model.dropout=0.1"
            )

    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """The training-only `projector`."""
        return nn.ModuleDict({"projector": Projector(config)})

    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, progress: float
    ) -> Prepared:
        """The rows twice, one copy after the other; the noise is the backbone's own dropout."""
        twice = Batch(
            batch.input_ids.repeat(2, 1),
            batch.attention_mask.repeat(2, 1),
            batch.row_ids.repeat(2),
        )
        return Prepared.of(twice, Attention("bidirectional"), copies=2)

    def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
        """InfoNCE from the first pass of each row to the second passes of all."""
        output = model.backbone(prepared.inputs, attention=prepared.attention)
        pooled = pool(output, prepared.inputs.attention_mask, self.pooling)  # (2B, D)
        if "projector" in model.heads:
            pooled = model.heads["projector"](pooled)
        first, second = pooled.float().chunk(2)
        values = info_nce(first, second, self.temperature)
        return LossOutput(
            (Term("simcse", values, torch.arange(len(values), device=values.device)),)
        )

    def counts(self, prepared: Prepared) -> tuple[int, ...]:
        """The number of rows, each a pair of views."""
        return (len(prepared.inputs.input_ids) // 2,)

    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """Two passes of every row, the projector, and the similarity matrix."""
        rows, length = prepared.inputs.input_ids.shape
        similarities = linear_flops(rows // 2, config.hidden_size, rows // 2)
        return backbone_flops(config, rows, length) + projector_flops(config, rows) + similarities


def info_nce(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """InfoNCE over in-batch candidates (van den Oord et al. 2018).

    `-log exp(cos(a_i, b_i) / t) / sum_j exp(cos(a_i, b_j) / t)`

    Args:
        first: (B, D) anchors.
        second: (B, D) candidates; row i is the positive of anchor i.
        temperature: t, above 0.

    Returns:
        (B,) losses in nats; chance is ln B.
    """
    targets = torch.arange(len(first), device=first.device)
    with torch.autocast(first.device.type, enabled=False):  # bf16 cosines are off by 0.4 %
        cosines = F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).T  # (B, B)
        return F.cross_entropy(cosines / temperature, targets, reduction="none")
