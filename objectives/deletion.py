"""Token deletion: one of BART's noises (Lewis et al. 2020), in one stack."""

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

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

    @override
    def check_values(self) -> None:
        super().check_values()
        check_probability("probability", self.probability)

    @override
    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """What is left, at least one token; the text."""
        own = draws["delete"][: len(ids)]
        highest = int(own.argmax())  # stays in any case: something must be left to read
        kept = [t for i, t in enumerate(ids) if own[i] >= self.probability or i == highest]
        return kept, list(ids)
