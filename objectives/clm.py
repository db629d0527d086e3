"""CLM: causal language modelling, the objective of GPT (Radford et al. 2018)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from models.batch import Attention, Batch
from models.vocabulary import Vocabulary
from objectives.base import Moment, Traits
from objectives.prepared import IGNORE_INDEX, Prepared
from objectives.randomness import RowRandom
from objectives.token_prediction import TokenPrediction


@dataclass(frozen=True, kw_only=True)
class CLM(TokenPrediction):
    """Predict each token from those before it: mean of -log p(x_t | x_<t) over real targets."""

    TRAITS = Traits(
        family="LM",
        attention="causal",
        likelihood="causal",
        unit="token",
        supervises="every token",
        test_heads=("lm",),
    )

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Label every position with the token after it; `[SEP]` is a target, padding is not."""
        labels = next_token_labels(batch.input_ids, batch.attention_mask)
        return Prepared.of(batch, Attention("causal"), labels)


def next_token_labels(input_ids: Tensor, supervised: Tensor) -> Tensor:
    """(B, T) labels: at each place the token that follows, where `supervised` holds of that token.

    Args:
        input_ids: (B, T) int64.
        supervised: (B, T) bool, which tokens are to be predicted.
    """
    labels = torch.full_like(input_ids, IGNORE_INDEX)
    labels[:, :-1][supervised[:, 1:]] = input_ids[:, 1:][supervised[:, 1:]]
    return labels
