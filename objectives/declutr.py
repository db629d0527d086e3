"""DeCLUTR: spans of one document belong together (Giorgi et al. 2021)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from scipy.special import betaincinv
from torch import Tensor
from typing_extensions import override

from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.base import Moment, TrainModel, Traits
from objectives.contrastive import info_nce
from objectives.prepared import LossOutput, Prepared, Term
from objectives.randomness import RowRandom
from objectives.simcse import SimCSE
from objectives.views import stack_views, texts_of

ANCHOR_BETA, POSITIVE_BETA = (4.0, 2.0), (2.0, 4.0)
"""Of the length between its limits: anchors tend to be long, positives short."""


@dataclass(frozen=True, kw_only=True)
class DeCLUTR(SimCSE):
    """Tell a span from those of other rows, given a longer span nearby.

    An anchor span and `positives` spans that overlap it or lie next to it are drawn from every
    row; the vectors of the positives are averaged. The paper adds MLM: `objective=mlm_simcse` shows
    how a sum is composed.

    Attributes:
        positives: spans for each anchor.
        shortest: of all spans, as a share of the row.
        longest: of all spans, as a share of the row.
    """

    positives: int = 2
    shortest: float = 0.1
    longest: float = 0.5

    @property
    @override
    def traits(self) -> Traits:
        """Its noise is the choice of spans."""
        return replace(super().traits, noisy=False, passes=1 + self.positives)

    @override
    def check_values(self) -> None:
        super().check_values()
        if self.positives < 1:
            raise ValueError(f"positives is {self.positives}; it must be at least 1")
        if not 0 < self.shortest <= self.longest <= 1:
            raise ValueError(
                f"shortest {self.shortest} and longest {self.longest} are shares of a row, "
                "with 0 < shortest <= longest <= 1"
            )

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Spans of each row as rows of their own, anchors first."""
        draws = draw.uniform("spans", 2 + 2 * self.positives).tolist()
        views: list[list[Sequence[int]]] = [[] for _ in range(1 + self.positives)]
        for ids, own in zip(texts_of(batch), draws, strict=True):
            start, length = self._anchor(len(ids), own)
            views[0].append(ids[start : start + length])
            for number in range(self.positives):
                place, size = self._positive(len(ids), start, length, own[2 + 2 * number :])
                views[1 + number].append(ids[place : place + size])
        return stack_views(views, batch.row_ids, vocabulary)

    def _length(self, total: int, beta: tuple[float, float], uniform: float) -> int:
        share = self.shortest + (self.longest - self.shortest) * float(betaincinv(*beta, uniform))
        return max(1, round(total * share))

    def _anchor(self, total: int, draws: Sequence[float]) -> tuple[int, int]:
        length = self._length(total, ANCHOR_BETA, draws[0])
        return int(draws[1] * (total - length + 1)), length

    def _positive(
        self, total: int, start: int, anchor: int, draws: Sequence[float]
    ) -> tuple[int, int]:
        """A span that begins at most its own length before the anchor and at most at its end."""
        length = self._length(total, POSITIVE_BETA, draws[0])
        lowest, highest = max(0, start - length), min(total - length, start + anchor)
        return lowest + int(draws[1] * (highest - lowest + 1)), length

    @override
    def candidates(self, prepared: Prepared) -> int:
        """One for each row: the mean of its positives."""
        return prepared.rows

    @override
    def contrast(self, model: TrainModel, vectors: Tensor, prepared: Prepared) -> LossOutput:
        """InfoNCE from each anchor to the mean of each row's positives."""
        first = vectors[: prepared.rows]
        spans = vectors[prepared.rows :].view(self.positives, prepared.rows, -1)  # (P, B, D)
        values = info_nce(first, spans.mean(0), self.setting("temperature", prepared))
        rows = torch.arange(len(values), device=values.device)
        return LossOutput((Term(self.name, values, rows),))
