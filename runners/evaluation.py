"""An objective's loss on held-out rows, row by row, so that intervals can be taken over rows."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from models.batch import Batch
from models.initialization import seed_of
from models.vocabulary import Vocabulary
from objectives.base import Moment, Objective, TrainModel
from objectives.prepared import Prepared
from objectives.randomness import RowRandom

MEASURE_SEED = 0
"""Corruption and noise of every measurement, whatever the seed of the run."""

LAST = Moment(progress=1.0)
"""Scheduled settings are measured at their last value."""


@dataclass(frozen=True, slots=True)
class RowLosses:
    """Summed losses of n rows under the K terms of an objective.

    Attributes:
        sums: (K, n) nats.
        counts: (K, n) supervised items.
        weights: (K,) of the terms.
        end_sums, end_counts: (n,) of the targets that are `[SEP]`, which are not in the others:
            a row's end says where a document was cut, not what its text is.
    """

    sums: np.ndarray
    counts: np.ndarray
    weights: np.ndarray
    end_sums: np.ndarray
    end_counts: np.ndarray

    def mean(self) -> float:
        """The loss: each term's sum over its count, weighted."""
        return float((self.weights * self.sums.sum(1) / np.maximum(self.counts.sum(1), 1)).sum())

    def end_mean(self) -> float | None:
        """Nats of an end token, or None where ends are not predicted."""
        return float(self.end_sums.sum() / self.end_counts.sum()) if self.end_counts.any() else None


def prepare_held_out(
    objective: Objective, batches: Iterable[Batch], vocabulary: Vocabulary
) -> Iterable[Prepared]:
    """Corrupt held-out batches as in training, with the draws that all measurements share."""
    for batch in batches:
        draw = RowRandom(seed_of("measure", MEASURE_SEED), batch.row_ids)
        yield objective.prepare(batch, vocabulary=vocabulary, draw=draw, moment=LAST)


def predicts_tokens(objective: Objective) -> bool:
    """Whether its targets are tokens, of which some end a row."""
    return "lm" in objective.traits.test_heads


@torch.no_grad()
def row_losses(
    model: TrainModel,
    prepared_batches: Iterable[Prepared],
    *,
    end_id: int,
    device: str,
) -> RowLosses:
    """The loss of `model.objective` on every row, in float32.

    Args:
        model: backbone, heads and the objective whose loss is taken.
        prepared_batches: from `prepare_held_out`; non-additive losses compare the rows of each
            batch with each other, so their batches should be of one size.
        end_id: id of `[SEP]`.
        device: where the model is.
    """
    was_training = model.training
    model.train(model.objective.traits.noisy)
    sums, counts, end_sums, end_counts = [], [], [], []
    weights = np.ones(1)
    for index, prepared in enumerate(prepared_batches):
        torch.manual_seed(seed_of("measure dropout", MEASURE_SEED, index))
        rows = len(prepared.inputs.input_ids) // prepared.copies
        output = model(prepared.to(device))
        weights = np.array([float(term.weight) for term in output.terms])
        batch_sums, batch_counts = np.zeros((2, len(weights), rows))
        ends, end_number = np.zeros((2, rows))
        for index_of_term, term in enumerate(output.terms):
            values, places = term.values.double().cpu().numpy(), term.rows.cpu().numpy()
            text = np.ones(len(values), dtype=bool)
            if predicts_tokens(model.objective):
                text = (prepared.targets != end_id).numpy()
                ends += np.bincount(places[~text], values[~text], minlength=rows)
                end_number += np.bincount(places[~text], minlength=rows)
            batch_sums[index_of_term] = np.bincount(places[text], values[text], minlength=rows)
            batch_counts[index_of_term] = np.bincount(places[text], minlength=rows)
        sums.append(batch_sums)
        counts.append(batch_counts)
        end_sums.append(ends)
        end_counts.append(end_number)
    model.train(was_training)
    return RowLosses(
        np.concatenate(sums, axis=1),
        np.concatenate(counts, axis=1),
        weights,
        np.concatenate(end_sums),
        np.concatenate(end_counts),
    )
