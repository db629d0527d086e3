"""RTD: replaced token detection, the objective of ELECTRA (Clark et al. 2020)."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from models.batch import Attention, Batch
from models.config import BackboneConfig
from models.flops import backbone_flops, linear_flops
from models.generator import Generator, generator_flops, narrow_config
from models.heads import Discriminator
from models.vocabulary import Vocabulary
from objectives.base import Moment, Objective, TrainModel, Traits
from objectives.masking import check_probability, choose_masked, replace_masked
from objectives.prepared import IGNORE_INDEX, LossOutput, Prepared, Term
from objectives.randomness import RowRandom


@dataclass(frozen=True, kw_only=True)
class RTD(Objective):
    """Tell, for every token, whether a small generator has replaced it.

    The generator fills masked places and is trained on them as in MLM; its samples, drawn at
    temperature 1 and without gradient, go to the backbone. A sample that equals the original
    counts as original. Loss: generator + `discriminator_weight` x discriminator.

    Attributes:
        mlm_probability: share of tokens masked for the generator.
        discriminator_weight: of the detection loss.
        generator_narrower: the generator's width is the backbone's divided by this.
    """

    TRAITS = Traits(
        family="DAE",
        attention="bidirectional",
        unit="token",
        supervises="every token; the generator, the masked ones",
        test_heads=("generator", "discriminator"),
    )

    mlm_probability: float = 0.15
    discriminator_weight: float = 50.0
    generator_narrower: int = 4

    @property
    @override
    def traits(self) -> Traits:
        """What is summed, with the weight that it ends with."""
        weight = self.at(1.0).discriminator_weight
        return replace(self.TRAITS, quantity=f"nats, generator + {weight:g} x discriminator")

    @override
    def check_values(self) -> None:
        super().check_values()
        check_probability("mlm_probability", self.mlm_probability)
        if self.discriminator_weight < 0:
            raise ValueError(f"discriminator_weight is {self.discriminator_weight}; 50 is usual")
        if self.generator_narrower < 1:
            raise ValueError(f"generator_narrower is {self.generator_narrower}; at least 1")

    @override
    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        narrow_config(config, self.generator_narrower)

    @override
    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """The `generator` on shared embeddings, and the `discriminator`."""
        return nn.ModuleDict(
            {
                "generator": Generator(config, vocabulary_size, self.generator_narrower),
                "discriminator": Discriminator(config),
            }
        )

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Mask for the generator; the draws of its samples are made here."""
        chosen = choose_masked(batch, vocabulary, draw, probability=self.mlm_probability)
        input_ids = replace_masked(batch, chosen, vocabulary, draw)
        labels = batch.input_ids.masked_fill(~chosen, IGNORE_INDEX)
        corrupted = Batch(input_ids, batch.attention_mask, batch.row_ids)
        more = {"noise": draw.uniform("rtd_sample", input_ids.shape[1])}
        return Prepared.of(corrupted, Attention("bidirectional"), labels, more=more)

    @override
    def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
        """The generator's MLM term, and the discriminator's over all real tokens."""
        inputs, positions = prepared.inputs, prepared.positions
        length = inputs.input_ids.shape[1]
        logits = model.heads["generator"](model.backbone, inputs, prepared.places).float()  # (N, V)
        guessed = F.cross_entropy(logits, prepared.targets, reduction="none")  # (N,)
        noise = prepared.more["noise"].flatten()[positions]  # (N,) float64 in [0, 1)
        samples = sample(logits.detach(), noise)  # (N,)
        filled = inputs.input_ids.flatten().index_copy(0, positions, samples)
        replaced = torch.zeros_like(filled, dtype=torch.float32)
        replaced = replaced.index_copy(0, positions, (samples != prepared.targets).float())
        seen = replace(inputs, input_ids=filled.view_as(inputs.input_ids))
        hidden = model.backbone(seen, attention=prepared.attention).last.flatten(0, 1)
        real = prepared.real
        detected = model.heads["discriminator"](hidden[real]).float()  # (M,)
        found = F.binary_cross_entropy_with_logits(detected, replaced[real], reduction="none")
        weight = self.setting("discriminator_weight", prepared)
        return LossOutput(
            (
                Term(f"{self.name} generator", guessed, positions // length),
                Term(f"{self.name} discriminator", found, real // length, weight),
            )
        )

    @override
    def counts(self, prepared: Prepared) -> dict[str, int]:
        return {
            f"{self.name} generator": len(prepared.targets),
            f"{self.name} discriminator": len(prepared.real),
        }

    @override
    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """The generator's pass, the backbone's, and the discriminator at every real token."""
        rows, length = prepared.inputs.input_ids.shape
        real, width = len(prepared.real), config.hidden_size
        generator = generator_flops(
            config, vocabulary_size, self.generator_narrower, prepared.places
        )
        head = linear_flops(real, width, width) + linear_flops(real, width, 1)
        return generator + backbone_flops(config, rows, length) + head


def sample(logits: Tensor, uniform: Tensor) -> Tensor:
    """One id from each row's softmax, by inversion.

    Args:
        logits: (N, V).
        uniform: (N,) float64 in [0, 1).

    Returns:
        (N,) int64.
    """
    cumulative = logits.double().softmax(-1).cumsum(-1)  # (N, V)
    found = torch.searchsorted(cumulative, (uniform * cumulative[:, -1])[:, None], right=True)
    return found.squeeze(-1).clamp(max=logits.shape[1] - 1)
