"""UL2: a mixture of denoisers, each told by a mode token (Tay et al. 2022), in one stack."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from typing_extensions import override

from models.vocabulary import MODES, Vocabulary
from objectives.denoising import TRAITS, Denoising, Draws, noise_spans, with_sentinels


@dataclass(frozen=True, slots=True)
class Denoiser:
    """One of the mixture.

    Attributes:
        mode: `R` regular, `X` extreme, `S` sequential.
        mean_span_length: in tokens; of `S` the target's share of the row decides.
        density: share of the row in the target.
    """

    mode: str
    mean_span_length: float
    density: float


@dataclass(frozen=True, kw_only=True)
class UL2(Denoising):
    """Short and long spans, few and many, and the end of the text: seven denoisers by turns.

    R: spans of mean 3 and 8 at density 0.15. X: means 3, 8 and 64 at 0.5, and 64 at 0.15. S: the
    rest after a prefix. All are equally likely. Where the noise of a row is shorter than a span of
    64 it becomes one span: rows of 128 tokens see one of 19 or 63; 512 would hold several.

    Attributes:
        prefix_share: of the row that `S` shows.
    """

    TRAITS = replace(TRAITS, likelihood="causal", sentinels=True)
    PURPOSES = ("denoiser", "spans", "gaps")
    DENOISERS: ClassVar = (
        Denoiser("R", 3, 0.15),
        Denoiser("R", 8, 0.15),
        Denoiser("S", 0, 0.0),
        Denoiser("X", 3, 0.5),
        Denoiser("X", 8, 0.5),
        Denoiser("X", 64, 0.15),
        Denoiser("X", 64, 0.5),
    )
    MODE_TOKENS: ClassVar = {"R": MODES[0], "X": MODES[1], "S": MODES[2]}

    prefix_share: float = 0.75

    @override
    def check_values(self) -> None:
        super().check_values()
        if not 0 < self.prefix_share < 1:
            raise ValueError(f"prefix_share is {self.prefix_share}; it must lie in (0, 1)")

    @override
    def longest(self, sequence_length: int) -> int:
        """Half the row in spans of 3: a third of that in sentinels, on both sides."""
        return sequence_length + sequence_length // 3 + 8

    @override
    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """The mode token and what is left; what was taken."""
        chosen = self.DENOISERS[int(draws["denoiser"][0] * len(self.DENOISERS))]
        mode = vocabulary.mode_ids[MODES.index(self.MODE_TOKENS[chosen.mode])]
        if chosen.mode == "S":
            shown = min(round(len(ids) * self.prefix_share), len(ids) - 1)
            return [mode, *ids[:shown]], list(ids[shown:])
        mean = min(chosen.mean_span_length, max(1.0, len(ids) * chosen.density))
        spans = noise_spans(len(ids), chosen.density, mean, draws["spans"], draws["gaps"])
        source, target = with_sentinels(ids, spans, vocabulary.sentinel_ids)
        return [mode, *source], target
