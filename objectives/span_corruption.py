"""Span corruption: T5's objective (Raffel et al. 2020), in one stack."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from typing_extensions import override

from models.config import BackboneConfig
from models.vocabulary import Vocabulary
from objectives.denoising import TRAITS, Denoising, Draws, noise_spans, with_sentinels
from objectives.masking import check_probability, check_span


@dataclass(frozen=True, kw_only=True)
class SpanCorruption(Denoising):
    """Replace spans by sentinels, and write out each sentinel with what it stands for.

    Attributes:
        density: share of tokens in spans.
        mean_span_length: in tokens.
    """

    TRAITS = replace(TRAITS, sentinels=True)
    PURPOSES = ("spans", "gaps")

    density: float = 0.15
    mean_span_length: float = 3.0

    @override
    def check_values(self) -> None:
        super().check_values()
        check_probability("density", self.density)
        if self.mean_span_length < 1:
            raise ValueError(f"mean_span_length is {self.mean_span_length}; at least 1 is needed")

    @override
    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        super().check(config, sequence_length)
        check_span("mean_span_length", self.mean_span_length, sequence_length)

    @override
    def longest(self, sequence_length: int) -> int:
        """Text, a sentinel for each span on both sides, and what stands around them."""
        noise = round(sequence_length * self.density) + 1
        return sequence_length + 3 * noise + 4

    @override
    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """Text with sentinels; sentinels with spans."""
        spans = noise_spans(
            len(ids), self.density, self.mean_span_length, draws["spans"], draws["gaps"]
        )
        return with_sentinels(ids, spans, vocabulary.sentinel_ids)
