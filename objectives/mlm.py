"""MLM: masked language modelling, the denoising objective of BERT (Devlin et al. 2019)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.backbone import BackboneConfig
from models.batch import Attention, Batch
from models.heads import TokenHead
from models.vocabulary import Vocabulary
from objectives.base import IGNORE_INDEX, LossOutput, Objective, Prepared, TrainModel
from objectives.randomness import RowRandom
from objectives.token_prediction import token_forward_flops, token_loss


@dataclass(frozen=True, kw_only=True)
class MLM(Objective):
    """Hide some tokens and predict them from both sides.

    Every non-special token is selected with probability `mlm_probability`, at least one in a
    batch; of those a share becomes `[MASK]`, a share a random ordinary token, and the rest
    stays as it is. The loss is taken on all selected tokens.

    Attributes:
        mlm_probability: share of tokens selected, in (0, 1).
        mask_share: share of the selected that become `[MASK]`.
        random_share: share of the selected that become a random ordinary token.
    """

    family = "DAE"
    attention = "bidirectional"
    likelihood = "pseudo"
    unit = "masked token"
    additive = True
    test_heads = ("lm",)

    mlm_probability: float = 0.15
    mask_share: float = 0.8
    random_share: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.mlm_probability < 1.0:
            raise ValueError(
                f"mlm_probability is {self.mlm_probability}; it must lie in (0, 1), e.g. 0.15"
            )
        if min(self.mask_share, self.random_share) < 0 or self.mask_share + self.random_share > 1:
            raise ValueError(
                f"mask_share {self.mask_share} and random_share {self.random_share} must not be "
                "negative, nor sum to more than 1; BERT has 0.8 and 0.1"
            )

    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """The token head `lm`."""
        return nn.ModuleDict({"lm": TokenHead(config, vocabulary_size, tied=tied)})

    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, progress: float
    ) -> Prepared:
        """Select, replace and label; special tokens and padding are never touched."""
        length = batch.input_ids.shape[1]
        eligible = batch.attention_mask & ~vocabulary.is_special[batch.input_ids]
        selected = select(eligible, draw.uniform("mlm_select", length), self.mlm_probability)
        labels = batch.input_ids.masked_fill(~selected, IGNORE_INDEX)

        action = draw.uniform("mlm_action", length)
        masked = selected & (action < self.mask_share)
        randomized = selected & ~masked & (action < self.mask_share + self.random_share)
        ordinary = vocabulary.ordinary_ids
        choice = (draw.uniform("mlm_token", length) * len(ordinary)).long()
        input_ids = batch.input_ids.masked_fill(masked, vocabulary.mask_id)
        input_ids = torch.where(randomized, ordinary[choice], input_ids)
        corrupted = Batch(input_ids, batch.attention_mask, batch.row_ids)
        return Prepared.of(corrupted, Attention("bidirectional"), labels)

    def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
        """One term over all selected tokens of the batch, with one global denominator."""
        return token_loss(model, prepared, "mlm")

    def counts(self, prepared: Prepared) -> tuple[int, ...]:
        """The number of selected tokens."""
        return (len(prepared.targets),)

    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """One backbone pass, and the head at the selected tokens."""
        return token_forward_flops(config, vocabulary_size, prepared)


def select(eligible: Tensor, uniform: Tensor, probability: float) -> Tensor:
    """Independent choice of eligible tokens, at least one in the batch where any is eligible.

    At least one in every row would bias the rate: 0.184 for 0.15 in rows of 8 tokens.

    Args:
        eligible: (B, T) bool.
        uniform: (B, T) in [0, 1).
        probability: of each token.

    Returns:
        (B, T) bool.
    """
    selected = eligible & (uniform < probability)
    if not selected.any() and eligible.any():
        first = uniform.masked_fill(~eligible, torch.inf).argmin()
        selected.view(-1)[first] = True
    return selected
