"""TSDAE: rebuild a sentence from one vector (Wang et al. 2021), in one stack."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.vocabulary import Vocabulary
from objectives.deletion import left_after_deletion
from objectives.denoising import TRAITS, Denoising, Draws
from objectives.masking import check_probability


@dataclass(frozen=True, kw_only=True)
class TSDAE(Denoising):
    """Delete most tokens, and rebuild the text from the state at `[CLS]` alone.

    The bottleneck is in the mask: what is to be rebuilt sees position 0 and itself, and nothing
    of the noisy text. A prefix mask would leak the tokens.

    Attributes:
        probability: of each token to be deleted.
    """

    TRAITS = replace(TRAITS, pooling="cls")
    PURPOSES = ("delete",)
    TARGETS_SEE = "bottleneck"
    STARTED = True  # at [SEP] the first token would be predicted by who sees the noisy text

    probability: float = 0.6

    def check_values(self) -> None:
        """A rate in (0, 1)."""
        super().check_values()
        check_probability("probability", self.probability)

    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """What is left, at least one token; the text."""
        return left_after_deletion(ids, draws["delete"], self.probability), list(ids)
