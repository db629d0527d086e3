"""TSDAE: rebuild a sentence from one vector (Wang et al. 2021), in one stack."""

from dataclasses import dataclass, replace

from objectives.deletion import Deletion
from objectives.denoising import TRAITS


@dataclass(frozen=True, kw_only=True)
class TSDAE(Deletion):
    """Delete most tokens, and rebuild the text from the state at `[CLS]` alone.

    The bottleneck is in the mask: what is to be rebuilt sees position 0 and itself, and nothing
    of the noisy text. A prefix mask would leak the tokens.
    """

    TRAITS = replace(TRAITS, pooling="cls")
    TARGETS_SEE = "bottleneck"
    STARTED = True  # at [SEP] the first token would be predicted by who sees the noisy text

    probability: float = 0.6
