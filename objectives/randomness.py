"""Random draws that belong to a row of the stream, whatever batch or padding it arrives in."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.initialization import seed_of


class RowRandom:
    """Draws keyed by (seed, purpose, id of the row).

    The first t draws of a row are the same whether it is padded to t or to more, and whether it
    comes alone, in a micro-batch or in a large batch: each row has a Philox counter of its own
    (Salmon et al. 2011).

    Args:
        seed: of the run, or of a measurement.
        row_ids: (B,) ids, no two alike in a run.
    """

    def __init__(self, seed: int, row_ids: Tensor | Sequence[int]) -> None:
        self._seed = seed
        self._row_ids = [int(row) for row in row_ids]

    def uniform(self, purpose: str, length: int) -> Tensor:
        """(B, length) float64 in [0, 1), independent for every `purpose`."""
        key = seed_of("row", self._seed, purpose)
        draws = np.empty((len(self._row_ids), length))
        for out, row in zip(draws, self._row_ids, strict=True):
            # The row stands in the high word: the low words count the draws within it.
            generator = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, row]))
            generator.random(out=out)
        return torch.from_numpy(draws)

    def select(self, rows: Tensor) -> "RowRandom":
        """The draws of some of the rows."""
        return RowRandom(self._seed, [self._row_ids[int(row)] for row in rows])
