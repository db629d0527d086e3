"""A placebo: predict the first character of masked tokens (Yamaguchi et al. 2021)."""

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import nn
from typing_extensions import override

from models.batch import Attention, Batch
from models.config import BackboneConfig
from models.flops import backbone_flops, linear_flops
from models.vocabulary import FIRST_CHARACTERS, Vocabulary
from objectives.base import Moment, Objective, TrainModel, Traits
from objectives.masking import check_probability, choose_masked, replace_masked
from objectives.prepared import IGNORE_INDEX, LossOutput, Prepared, Term
from objectives.randomness import RowRandom

CLASSES = len(FIRST_CHARACTERS) + 1


@dataclass(frozen=True, kw_only=True)
class FirstCharacter(Objective):
    """Hide some tokens and predict only what letter each begins with: little of language is needed.

    Attributes:
        mlm_probability: share of tokens hidden.
    """

    TRAITS = Traits(
        family="placebo",
        attention="bidirectional",
        unit="masked token",
        supervises="the selected tokens",
        test_heads=("first_character",),
    )

    mlm_probability: float = 0.15

    @override
    def check_values(self) -> None:
        super().check_values()
        check_probability("mlm_probability", self.mlm_probability)

    @override
    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """A linear layer to the classes."""
        return nn.ModuleDict({"first_character": nn.Linear(config.hidden_size, CLASSES)})

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Every selected token becomes `[MASK]`."""
        chosen = choose_masked(batch, vocabulary, draw, probability=self.mlm_probability)
        input_ids = replace_masked(batch, chosen, vocabulary, draw)
        labels = vocabulary.first_characters[batch.input_ids].masked_fill(~chosen, IGNORE_INDEX)
        corrupted = Batch(input_ids, batch.attention_mask, batch.row_ids)
        return Prepared.of(corrupted, Attention("bidirectional"), labels)

    @override
    def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
        """Cross-entropy over the classes."""
        hidden = model.backbone.states_at(
            prepared.places, prepared.inputs, attention=prepared.attention
        )  # (N, D)
        logits = model.heads["first_character"](hidden)
        values = F.cross_entropy(logits.float(), prepared.targets, reduction="none")
        rows = prepared.positions // prepared.inputs.input_ids.shape[1]
        return LossOutput((Term(self.name, values, rows),))

    @override
    def chance(self, prepared: Prepared) -> float:
        return math.log(CLASSES)

    @override
    def counts(self, prepared: Prepared) -> dict[str, int]:
        return {self.name: len(prepared.targets)}

    @override
    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """One backbone pass, and the small head at the selected tokens."""
        rows, length = prepared.inputs.input_ids.shape
        head = linear_flops(len(prepared.targets), config.hidden_size, CLASSES)
        return backbone_flops(config, rows, length, prepared.places) + head
