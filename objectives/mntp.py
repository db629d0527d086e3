"""MNTP: masked next-token prediction, read one place earlier (BehnamGhader et al. 2024)."""

from dataclasses import dataclass

from models.batch import Attention, Batch
from models.vocabulary import Vocabulary
from objectives.base import Moment, Traits
from objectives.clm import next_token_labels
from objectives.masking import check_probability, choose_masked, replace_masked
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from objectives.token_prediction import TokenPrediction


@dataclass(frozen=True, kw_only=True)
class MNTP(TokenPrediction):
    """Hide some tokens and predict each at the place before it, from both sides.

    The output at a place then always speaks of the next token, as in CLM, so that one model
    serves causal and masked use (GPT-BERT, Charpentier & Samuel 2024).

    Attributes:
        mlm_probability: share of tokens selected, in (0, 1).
        mask_share: share of the selected that become `[MASK]`.
        random_share: share of the selected that become a random ordinary token.
    """

    TRAITS = Traits(
        family="DAE",
        attention="bidirectional",
        likelihood="pseudo_next",
        unit="masked token",
        supervises="the places before the selected tokens",
        test_heads=("lm",),
    )

    mlm_probability: float = 0.15
    mask_share: float = 0.8
    random_share: float = 0.1

    def check_values(self) -> None:
        """Rates lie in (0, 1), shares sum to at most 1."""
        super().check_values()
        check_probability("mlm_probability", self.mlm_probability)
        if min(self.mask_share, self.random_share) < 0 or self.mask_share + self.random_share > 1:
            raise ValueError(
                f"mask_share {self.mask_share} and random_share {self.random_share} must not be "
                "negative, nor sum to more than 1; BERT has 0.8 and 0.1"
            )

    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Mask as MLM does, and label the place before each selected token."""
        chosen = choose_masked(batch, vocabulary, draw, probability=self.mlm_probability)
        input_ids = replace_masked(
            batch,
            chosen,
            vocabulary,
            draw,
            mask_share=self.mask_share,
            random_share=self.random_share,
        )
        corrupted = Batch(input_ids, batch.attention_mask, batch.row_ids)
        labels = next_token_labels(batch.input_ids, chosen)
        return Prepared.of(corrupted, Attention("bidirectional"), labels)
