"""Text infilling: BART's objective (Lewis et al. 2020), in one stack."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from typing_extensions import override

from models.config import BackboneConfig
from models.vocabulary import Vocabulary
from objectives.denoising import Denoising, Draws
from objectives.masking import check_probability, check_span


@dataclass(frozen=True, kw_only=True)
class Infilling(Denoising):
    """Replace spans of random length, each by one `[MASK]`, and rebuild the whole text.

    Span lengths are Poisson; a span of length 0 inserts a `[MASK]`.

    Attributes:
        density: share of tokens in spans.
        mean_span_length: of the Poisson distribution.
    """

    PURPOSES = ("lengths", "order")

    density: float = 0.3
    mean_span_length: float = 3.0

    @override
    def check_values(self) -> None:
        super().check_values()
        check_probability("density", self.density)
        if not self.mean_span_length > 0:
            raise ValueError(f"mean_span_length is {self.mean_span_length}; it must be above 0")

    @override
    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        super().check(config, sequence_length)
        check_span("mean_span_length", self.mean_span_length, sequence_length)

    @override
    def longest(self, sequence_length: int) -> int:
        """Every place of the source may be an inserted mask more."""
        return 3 * sequence_length

    @override
    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """Text with masks; the text."""
        budget = max(round(len(ids) * self.density), 1)
        lengths = span_lengths(budget, self.mean_span_length, draws["lengths"][: len(ids)])
        kept = len(ids) - sum(lengths)
        # Kept tokens and spans are dealt out in random order, each span in one slot.
        slots = np.zeros(kept + len(lengths), dtype=bool)
        slots[np.argsort(draws["order"][: len(slots)], kind="stable")[: len(lengths)]] = True
        source, place, left = [], 0, iter(lengths)
        for is_span in slots:
            if is_span:
                source.append(vocabulary.mask_id)
                place += next(left)
            else:
                source.append(ids[place])
                place += 1
        return source, list(ids)


@cache
def _poisson(mean: float) -> np.ndarray:
    """Of a Poisson distribution, P(X <= k) for every k up to where it is 1 to the last digit."""
    count = math.ceil(mean + 40 * math.sqrt(mean) + 40)
    logs = np.arange(count) * math.log(mean) - mean - [math.lgamma(k + 1) for k in range(count)]
    return np.cumsum(np.exp(logs))


def span_lengths(budget: int, mean: float, draws: np.ndarray) -> list[int]:
    """Poisson lengths, one a draw, until they sum to `budget`; the last is cut to fit."""
    lengths: list[int] = []
    for length in np.searchsorted(_poisson(mean), draws).tolist():
        left = budget - sum(lengths)
        if left == 0:
            break
        lengths.append(min(length, left))
    return lengths
