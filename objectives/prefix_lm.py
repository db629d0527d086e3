"""Prefix LM: the first part of a row is read from both sides, the rest is predicted."""

from dataclasses import dataclass

import torch
from typing_extensions import override

from models.batch import Attention, Batch
from models.vocabulary import Vocabulary
from objectives.base import Moment, Traits
from objectives.clm import next_token_labels
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from objectives.token_prediction import TokenPrediction


@dataclass(frozen=True, kw_only=True)
class PrefixLM(TokenPrediction):
    """Predict the rest of a row from a prefix of random length (Raffel et al. 2020).

    All lengths are equally likely, so that about half the tokens are targets.
    """

    TRAITS = Traits(
        family="LM",
        attention="bidirectional",
        measured_attention="prefix",
        likelihood="causal",
        unit="token after the prefix",
        supervises="every token after the prefix",
        test_heads=("lm",),
    )

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """A prefix of at least `[CLS]` that leaves at least `[SEP]`; labels after it."""
        longest = batch.attention_mask.sum(1) - 1  # (B,)
        prefix = 1 + (draw.uniform("prefix", 1)[:, 0] * longest).long()
        places = torch.arange(batch.input_ids.shape[1])
        supervised = batch.attention_mask & (places >= prefix[:, None])
        labels = next_token_labels(batch.input_ids, supervised)
        return Prepared.of(batch, Attention("prefix", prefix_lengths=prefix), labels)
