"""Some places of the rows, where alone the last layer has to be computed.

A loss at a share of the tokens (MLM's hidden 15 %) reads the last layer there and nowhere else. So
that layer asks from these places only: its keys and values are those of all tokens, its queries and
all that follows them those of the few. Loss and gradients are the same as when everything is
computed and most of it thrown away.
"""

from dataclasses import dataclass

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
    """

    flat: Tensor
    slots: Tensor
    rows: int
    length: int
    most: int

    @classmethod
    def of(cls, flat: Tensor, rows: int, length: int, most: int = 0) -> "Places":
        """Find slots for places that are no two the same.

        Args:
            flat: (N,) int64, on the CPU.
            rows: B.
            length: T.
            most: of the whole update, where these are a part of it.
        """
        row = flat // length
        counts = row.bincount(minlength=rows)
        order = row.argsort(stable=True)
        rank = torch.empty_like(order)  # among those of its row
        rank[order] = torch.arange(len(row)) - (counts.cumsum(0) - counts)[row[order]]
        needed = int(counts.max()) if rows else 0
        most = max(most, ALIGNED_TO * max(1, -(-needed // ALIGNED_TO)))
        return cls(flat, row * most + rank, rows, length, most)

    @property
    def few(self) -> bool:
        """Whether the last layer is to be computed at these places alone."""
        return len(self.flat) <= FEW * self.rows * self.length

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
        flat, slots = sent(self.flat, device), sent(self.slots, device)
        return Places(flat, slots, self.rows, self.length, self.most)
