"""Span corruption: T5's objective (Raffel et al. 2020), in one stack."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.config import BackboneConfig
from models.vocabulary import Vocabulary
from objectives.denoising import Denoising, Draws, noise_spans, with_sentinels
from objectives.masking import check_probability


@dataclass(frozen=True, kw_only=True)
class SpanCorruption(Denoising):
    """Replace spans by sentinels, and write out each sentinel with what it stands for.

    Attributes:
        density: share of tokens in spans.
        mean_span_length: in tokens.
    """

    PURPOSES = ("spans", "gaps")

    density: float = 0.15
    mean_span_length: float = 3.0

    def check_values(self) -> None:
        """A density in (0, 1), spans of at least one token."""
        super().check_values()
        check_probability("density", self.density)
        if self.mean_span_length < 1:
            raise ValueError(f"mean_span_length is {self.mean_span_length}; at least 1 is needed")

    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        """A span must fit a row."""
        super().check(config, sequence_length)
        check_span(self.mean_span_length, sequence_length)

    def longest(self, sequence_length: int) -> int:
        """Text, a sentinel for each span on both sides, and what stands around them."""
        noise = round(sequence_length * self.density) + 1
        return sequence_length + 3 * noise + 4

    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """Text with sentinels; sentinels with spans."""
        spans = noise_spans(
            len(ids), self.density, self.mean_span_length, draws["spans"], draws["gaps"]
        )
        return with_sentinels(ids, spans, vocabulary.sentinel_ids)


def check_span(mean_length: float, sequence_length: int) -> None:
    """Raise ValueError if spans are longer than the text of a row."""
    if mean_length > sequence_length - 2:
        raise ValueError(
            f"mean_span_length is {mean_length:g} and a row holds {sequence_length - 2} tokens of "
            "text (dataset.sequence_length less two); spans must fit a row"
        )
