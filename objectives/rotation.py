"""Document rotation: one of BART's noises (Lewis et al. 2020), in one stack."""

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from models.vocabulary import Vocabulary
from objectives.denoising import Denoising, Draws


@dataclass(frozen=True, kw_only=True)
class Rotation(Denoising):
    """Let a row begin at a random token, its beginning at the end, and rebuild the text."""

    PURPOSES = ("rotate",)

    @override
    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """The text from a random place on and around; the text."""
        place = int(draws["rotate"][0] * len(ids))
        return [*ids[place:], *ids[:place]], list(ids)
