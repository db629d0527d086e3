"""Token deletion: one of BART's noises (Lewis et al. 2020), in one stack."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.vocabulary import Vocabulary
from objectives.denoising import Denoising, Draws
from objectives.masking import check_probability


@dataclass(frozen=True, kw_only=True)
class Deletion(Denoising):
    """Leave tokens out without a trace, and rebuild the whole text.

    Attributes:
        probability: of each token to be left out.
    """

    PURPOSES = ("delete",)

    probability: float = 0.15

    def check_values(self) -> None:
        """A rate in (0, 1)."""
        super().check_values()
        check_probability("probability", self.probability)

    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """What is left, at least one token; the text."""
        return left_after_deletion(ids, draws["delete"], self.probability), list(ids)


def left_after_deletion(ids: Sequence[int], draws: np.ndarray, probability: float) -> list[int]:
    """Tokens whose draw is not below `probability`, and the one with the highest draw in any case:
    something must be left to read.
    """  # noqa: D205
    own = draws[: len(ids)]
    highest = int(own.argmax())
    return [t for i, t in enumerate(ids) if own[i] >= probability or i == highest]
