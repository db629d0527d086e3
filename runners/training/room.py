"""How many rows are computed at once: as configured, and halved where memory turns out short."""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from objectives.contrastive import goes_by_pieces
from runners.training.recipe import Recipe

if TYPE_CHECKING:
    from runners.training.updates import Part, Update


class MemoryShortError(RuntimeError):
    """An update did not fit into memory; no weight has changed."""


class Room:
    """Rows that memory takes at once.

    Args:
        rows: None for all of an update.
    """

    def __init__(self, rows: int | None) -> None:
        self.rows = rows
        self._again = False

    def of(self, recipe: Recipe) -> Recipe:
        """With so many rows at once."""
        if self.rows == recipe.trainer.micro_batch_rows:
            return recipe
        return replace(recipe, trainer=replace(recipe.trainer, micro_batch_rows=self.rows))

    def halve(self, update: "Update") -> None:
        """Let the update that did not fit be made again, of pieces half as large.

        Raises:
            MemoryShortError: it has no smaller pieces.
        """
        parts = [part for part in update.parts if goes_by_pieces(part.leaf.objective)]
        largest = max(map(_rows, parts), default=1)
        if largest == 1:
            names = " and ".join(dict.fromkeys(part.leaf.objective.name for part in update.parts))
            raise MemoryShortError(
                f"memory is too short for one row of {names} at a time, or for a loss that needs "
                "all of its rows at once: lower objective.rows_per_update or "
                "dataset.sequence_length, or take a smaller model"
            )
        self.rows, self._again = largest // 2, True

    def asks_again(self) -> bool:
        """Whether the last update is to be made again; asked once."""
        again, self._again = self._again, False
        return again


def is_short_of_memory(error: BaseException) -> bool:
    """Whether that is why a computation failed, of a GPU or of a processor's allocator."""
    told = str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in told for words in ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    )


def _rows(part: "Part") -> int:
    """Of its largest piece, counted as `micro_batch_rows` counts them."""
    additive = part.leaf.objective.traits.additive
    return max(p.rows if additive else len(p.inputs.input_ids) for p in part.pieces)
