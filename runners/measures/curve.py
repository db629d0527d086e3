"""Held-out losses along the way: what a training calls at its marks."""

import itertools
from collections.abc import Iterator
from functools import cached_property

from models.batch import Batch
from objectives.base import Objective, TrainModel
from objectives.prepared import Prepared
from objectives.trainable import Trainable
from runners.corpora.corpus import Corpus
from runners.hardware import Hardware, autocast
from runners.measures.row_losses import MEASURE_SEED, prepare_held_out, row_losses

HELD_OUT_ROWS = 128
"""Validation rows behind each point of the held-out curve."""


class HeldOutCurve:
    """The losses of an objective, or of each of a fusion's, on the same validation rows.

    Args:
        objective: what is trained.
        corpus: whose validation split is read.
        hardware: that computes.
    """

    def __init__(self, objective: Trainable, corpus: Corpus, hardware: Hardware) -> None:
        self._objective, self._corpus, self._hardware = objective, corpus, hardware

    @cached_property
    def _prepared(self) -> list[tuple[Objective, list[Prepared]]]:
        vocabulary = self._corpus.vocabulary
        return [
            (column, list(prepare_held_out(column, self._batches(column), vocabulary)))
            for column in self._objective.columns
        ]

    def __call__(self, model: TrainModel) -> dict[str, float]:
        """`held_out`, or of a fusion `held_out NAME` for each; none where there are no rows."""
        found = {}
        for column, prepared in self._prepared:
            if not prepared:
                continue  # the validation split has no pairs
            with autocast(self._hardware):
                losses = row_losses(
                    model,
                    column,
                    prepared,
                    vocabulary=self._corpus.vocabulary,
                    device=self._hardware.device,
                )
            name = f"held_out {column.name}" if len(self._prepared) > 1 else "held_out"
            found[name] = losses.mean()
        return found

    def _batches(self, column: Objective) -> Iterator[Batch]:
        views = column.traits.views
        available = int(self._corpus.usable("validation", views).sum())
        if available < (1 if column.traits.additive else 2):  # a row alone is told from none
            return iter(())
        size = min(column.rows_per_update, available)
        count = max(1, min(HELD_OUT_ROWS, available) // size)
        batches = self._corpus.batches(
            "validation", batch_size=size, seed=MEASURE_SEED, views=views
        )
        return itertools.islice(batches, count)
