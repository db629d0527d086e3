"""MNTP: masked next-token prediction, read one place earlier (BehnamGhader et al. 2024)."""

from dataclasses import dataclass, replace

from typing_extensions import override

from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.base import Moment
from objectives.mlm import MLM
from objectives.prepared import Prepared
from objectives.randomness import RowRandom


@dataclass(frozen=True, kw_only=True)
class MNTP(MLM):
    """Hide some tokens and predict each at the place before it, from both sides.

    The output at a place then always speaks of the next token, as in CLM, so that one model
    serves causal and masked use (GPT-BERT, Charpentier & Samuel 2024).
    """

    TRAITS = replace(
        MLM.TRAITS,
        likelihood="pseudo_next",
        supervises="the places before the selected tokens",
    )

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Mask as MLM does, and label the place before each selected token."""
        prepared = super().corrupt(batch, vocabulary=vocabulary, draw=draw, moment=moment)
        assert prepared.labels is not None
        labels = prepared.labels.roll(-1, dims=1)  # [CLS] stands first and is never selected
        return Prepared.of(prepared.inputs, prepared.attention, labels)
