"""CLM: causal language modelling, the objective of GPT (Radford et al. 2018)."""

from dataclasses import dataclass

import torch
from torch import nn

from models.backbone import BackboneConfig
from models.batch import Attention, Batch
from models.heads import TokenHead
from models.vocabulary import Vocabulary
from objectives.base import IGNORE_INDEX, LossOutput, Objective, Prepared, TrainModel
from objectives.randomness import RowRandom
from objectives.token_prediction import token_forward_flops, token_loss


@dataclass(frozen=True, kw_only=True)
class CLM(Objective):
    """Predict each token from those before it: mean of -log p(x_t | x_<t) over real targets."""

    family = "LM"
    attention = "causal"
    likelihood = "causal"
    unit = "token"
    additive = True
    test_heads = ("lm",)

    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """The token head `lm`."""
        return nn.ModuleDict({"lm": TokenHead(config, vocabulary_size, tied=tied)})

    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, progress: float
    ) -> Prepared:
        """Label every position with the token after it; `[SEP]` is a target, padding is not."""
        labels = torch.full_like(batch.input_ids, IGNORE_INDEX)
        real = batch.attention_mask[:, 1:]
        labels[:, :-1][real] = batch.input_ids[:, 1:][real]
        return Prepared.of(batch, Attention("causal"), labels)

    def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
        """One term over all targets of the batch, with one global denominator."""
        return token_loss(model, prepared, "clm")

    def counts(self, prepared: Prepared) -> tuple[int, ...]:
        """The number of targets."""
        return (len(prepared.targets),)

    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """One backbone pass, and the head at the targets."""
        return token_forward_flops(config, vocabulary_size, prepared)
