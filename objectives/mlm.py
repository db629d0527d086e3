"""MLM: masked language modelling, the denoising objective of BERT (Devlin et al. 2019)."""

from dataclasses import dataclass

from typing_extensions import override

from models.batch import Attention, Batch
from models.config import BackboneConfig
from models.vocabulary import Vocabulary
from objectives.base import Moment, Traits
from objectives.masking import (
    UNITS,
    check_probability,
    check_span,
    choose_masked,
    replace_masked,
)
from objectives.prepared import IGNORE_INDEX, Prepared
from objectives.randomness import RowRandom
from objectives.token_prediction import TokenPrediction


@dataclass(frozen=True, kw_only=True)
class MLM(TokenPrediction):
    """Hide some tokens and predict them from both sides.

    Every non-special token is selected with probability `mlm_probability`, at least one in a
    batch; of those a share becomes `[MASK]`, a share a random ordinary token, and the rest
    stays as it is. The loss is taken on all selected tokens.

    Attributes:
        mlm_probability: share of tokens selected, in (0, 1).
        mask_share: share of the selected that become `[MASK]`.
        random_share: share of the selected that become a random ordinary token.
        unit: what is selected together: `token`, `word` (whole-word masking) or `span`.
        longest_span: tokens of the longest span; all lengths from 1 are equally likely.
    """

    TRAITS = Traits(
        family="DAE",
        attention="bidirectional",
        likelihood="pseudo",
        unit="masked token",
        supervises="the selected tokens",
        test_heads=("lm",),
    )

    mlm_probability: float = 0.15
    mask_share: float = 0.8
    random_share: float = 0.1
    unit: str = "token"
    longest_span: int = 3

    @override
    def check_values(self) -> None:
        super().check_values()
        check_probability("mlm_probability", self.mlm_probability)
        if min(self.mask_share, self.random_share) < 0 or self.mask_share + self.random_share > 1:
            raise ValueError(
                f"mask_share {self.mask_share} and random_share {self.random_share} must not be "
                "negative, nor sum to more than 1; BERT has 0.8 and 0.1"
            )
        if self.unit not in UNITS:
            raise ValueError(f"unit is {self.unit!r}; known: {', '.join(UNITS)}")
        if self.longest_span < 1:
            raise ValueError(f"longest_span is {self.longest_span}; it must be at least 1")

    @override
    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        super().check(config, sequence_length)
        if self.unit == "span":
            check_span("longest_span", self.longest_span, sequence_length)

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Select, replace and label; special tokens and padding are never touched."""
        chosen = choose_masked(
            batch,
            vocabulary,
            draw,
            probability=self.mlm_probability,
            unit=self.unit,
            longest_span=self.longest_span,
        )
        input_ids = replace_masked(
            batch,
            chosen,
            vocabulary,
            draw,
            mask_share=self.mask_share,
            random_share=self.random_share,
        )
        labels = batch.input_ids.masked_fill(~chosen, IGNORE_INDEX)
        corrupted = Batch(input_ids, batch.attention_mask, batch.row_ids)
        return Prepared.of(corrupted, Attention("bidirectional"), labels)
