"""Some places of the rows, where alone the last layer has to be computed.

A loss at a share of the tokens (MLM's hidden 15 %) reads the last layer there and nowhere else. So
that layer asks from these places only: its keys and values are those of all tokens, its queries and
all that follows them those of the few. Loss and gradients are the same as when everything is
computed and most of it thrown away.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.batch import sent

ALIGNED_TO = 8
"""Queries of a row are padded to a multiple of this, as rows are to theirs (models/batch.py)."""

FEW = 0.75
"""Share of the places up to which it pays to tell them apart (docs/performance.md)."""


@dataclass(frozen=True, slots=True)
class Places:
    """N places of B rows of T tokens, in any order.

    Attributes:
        flat: (N,) int64, in the flattened (B * T,) rows.
        slots: (N,) int64, of each its own in (B * most,), where every row has `most`.
        rows, length: B and T.
        most: at least as many as any row has places.
        few: whether it pays to tell them apart.
    """

    flat: Tensor
    slots: Tensor
    rows: int
    length: int
    most: int
    few: bool

    @classmethod
    def of(cls, flat: Tensor, rows: int, length: int, part_of: "Places | None" = None) -> "Places":
        """Find slots for places that are no two the same.

        Args:
            flat: (N,) int64, on the CPU.
            rows: B.
            length: T.
            part_of: those of a whole update, so that its parts cost together what it costs.
        """
        row = flat // length
        counts = row.bincount(minlength=rows)
        order = row.argsort(stable=True)
        rank = torch.empty_like(order)  # among those of its row
        rank[order] = torch.arange(len(row)) - (counts.cumsum(0) - counts)[row[order]]
        needed = int(counts.max()) if rows else 0
        most = ALIGNED_TO * max(1, -(-needed // ALIGNED_TO))
        few = len(flat) <= FEW * rows * length
        if part_of is not None:
            most, few = max(most, part_of.most), part_of.few
        return cls(flat, row * most + rank, rows, length, most, few)

    def take(self, states: Tensor) -> Tensor:
        """(B, T, ...) to (N, ...)."""
        return states.flatten(0, 1)[self.flat]

    def spread(self, states: Tensor, fill: bool | float = 0.0) -> Tensor:
        """(N, ...) to (B, most, ...), with `fill` where a row has fewer places."""
        empty = states.new_full((self.rows * self.most, *states.shape[1:]), fill)
        full = empty.index_copy(0, self.slots, states)
        return full.view(self.rows, self.most, *states.shape[1:])

    def gather(self, states: Tensor) -> Tensor:
        """(B, most, ...) back to (N, ...)."""
        return states.flatten(0, 1)[self.slots]

    def to(self, device: str) -> "Places":
        """The same on another device."""
        return replace(self, flat=sent(self.flat, device), slots=sent(self.slots, device))
