"""An objective's loss on held-out rows, row by row, so that intervals can be taken over rows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from models.batch import Batch
from models.initialization import seed_of
from models.vocabulary import Vocabulary
from objectives.base import Moment, Objective, TrainModel
from objectives.prepared import LossOutput, Prepared
from objectives.randomness import RowRandom

MEASURE_SEED = 0
"""Corruption and noise of every measurement, whatever the seed of the run."""

LAST = Moment(progress=1.0)
"""Scheduled settings are measured at their last value."""


@dataclass(frozen=True, slots=True)
class RowLosses:
    """Summed losses of n units under the K terms of an objective.

    A unit is a row; where the loss is not a sum over rows it is a batch, whose rows were compared
    with each other.

    Attributes:
        names: of the K terms.
        sums: (K, n), in nats or whatever the loss is counted in.
        counts: (K, n) supervised items.
        weights: (K,) of the terms.
        row_ids: of the rows, (n,) where a unit is a row.
        end_sums, end_counts: (n,) of the targets that are `[SEP]`, which are not in the others:
            a row's end says where a document was cut, not what its text is.
    """

    names: tuple[str, ...]
    sums: np.ndarray
    counts: np.ndarray
    weights: np.ndarray
    row_ids: np.ndarray
    end_sums: np.ndarray
    end_counts: np.ndarray

    def mean(self) -> float:
        """The loss: each term's sum over its count, weighted."""
        return float((self.weights * self.sums.sum(1) / np.maximum(self.counts.sum(1), 1)).sum())

    def end_mean(self) -> float | None:
        """Nats of an end token, or None where ends are not predicted."""
        return float(self.end_sums.sum() / self.end_counts.sum()) if self.end_counts.any() else None

    def term(self, index: int) -> "RowLosses":
        """One of the terms alone, unweighted."""
        only = slice(index, index + 1)
        return replace(
            self,
            names=self.names[only],
            sums=self.sums[only],
            counts=self.counts[only],
            weights=np.ones(1),
        )

    def ratio(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) numerators and denominators: the loss is the ratio of their sums.

        A sum of several ratios is none itself. There the numerators are what each unit adds to
        it, to first order, so that resampling units resamples the sum (the delta method).
        """
        if len(self.names) == 1:
            return self.weights[0] * self.sums[0], self.counts[0]
        totals = np.maximum(self.counts.sum(1), 1)  # (K,)
        means = self.sums.sum(1) / totals
        added = (self.weights / totals) @ (self.sums - means[:, None] * self.counts)  # (n,)
        return self.mean() + len(added) * added, np.ones(len(added))


def prepare_held_out(
    objective: Objective, batches: Iterable[Batch], vocabulary: Vocabulary
) -> Iterable[Prepared]:
    """Corrupt held-out batches as in training, with the draws that all measurements share."""
    for batch in batches:
        draw = RowRandom(seed_of("measure", MEASURE_SEED), batch.row_ids)
        (leaf,) = objective.prepare(batch, vocabulary=vocabulary, draw=draw, moment=LAST)
        yield leaf.prepared


def predicts_tokens(objective: Objective) -> bool:
    """Whether its targets are tokens, of which some end a row."""
    return "lm" in objective.traits.test_heads


def text_targets(prepared: Prepared, vocabulary: Vocabulary) -> np.ndarray:
    """(N,) bool, the targets that stand for text; the others are ends, sentinels and modes.

    An objective with many sentinels would seem easy, and one without them hard.
    """
    found: np.ndarray = ~vocabulary.is_special[prepared.targets].numpy()
    return found


@torch.no_grad()
def row_losses(
    model: TrainModel,
    objective: Objective,
    prepared_batches: Iterable[Prepared],
    *,
    vocabulary: Vocabulary | None,
    device: str,
) -> RowLosses:
    """The loss of an objective on every row, in float32.

    Args:
        model: backbone and heads.
        objective: whose loss is taken.
        prepared_batches: from `prepare_held_out`; non-additive losses compare the rows of each
            batch with each other, so their batches should be of one size.
        vocabulary: which targets are text; None takes them all.
        device: where the model is.
    """
    found, was_training = [], model.training
    measuring_mode(model, objective)
    try:
        for index, prepared in enumerate(prepared_batches):
            torch.manual_seed(seed_of("measure dropout", MEASURE_SEED, index))
            targets = None
            if vocabulary is not None and predicts_tokens(objective):
                ends = (prepared.targets == vocabulary.sep_id).numpy()
                targets = text_targets(prepared, vocabulary), ends
            row_ids = prepared.inputs.row_ids[: prepared.rows].numpy()
            output = model(objective, prepared.to(device))
            found.append(_batch_losses(output, objective.traits.additive, row_ids, targets))
    finally:  # what is measured after a failure must find the model as it was
        model.train(was_training)
    return RowLosses(
        names=found[-1].names,
        sums=np.concatenate([batch.sums for batch in found], axis=1),
        counts=np.concatenate([batch.counts for batch in found], axis=1),
        weights=found[-1].weights,
        row_ids=np.concatenate([batch.row_ids for batch in found]),
        end_sums=np.concatenate([batch.end_sums for batch in found]),
        end_counts=np.concatenate([batch.end_counts for batch in found]),
    )


def measuring_mode(model: TrainModel, objective: Objective) -> list[nn.Module]:
    """Dropout only where the loss is taken under it; no norm learns from held-out rows.

    Returns:
        The norms with statistics of their own, in evaluation mode.
    """
    model.train(objective.traits.noisy)
    kept = nn.modules.batchnorm._NormBase
    norms = [module for module in model.modules() if isinstance(module, kept)]
    return [norm.eval() for norm in norms]


def _batch_losses(
    output: LossOutput,
    additive: bool,
    row_ids: np.ndarray,
    targets: tuple[np.ndarray, np.ndarray] | None,
) -> RowLosses:
    """Of one batch; `targets` says which are text and which are ends."""
    units = len(row_ids) if additive else 1
    sums, counts = np.zeros((2, len(output.terms), units))
    end_sums, end_counts = np.zeros((2, units))
    for index, term in enumerate(output.terms):
        values = term.values.double().cpu().numpy()
        places = np.zeros(len(values), dtype=np.int64)
        if additive:
            assert term.rows is not None, f"{term.name} says that it is additive, and of no row"
            places = term.rows.cpu().numpy()
        if targets is not None and len(targets[0]) == len(values):
            text, ends = targets
            end_sums += np.bincount(places[ends], values[ends], minlength=units)
            end_counts += np.bincount(places[ends], minlength=units)
            values, places = values[text], places[text]
        sums[index] = np.bincount(places, values, minlength=units)
        counts[index] = np.bincount(places, minlength=units)
    names = tuple(term.name for term in output.terms)
    weights = np.array([float(term.weight) for term in output.terms])
    return RowLosses(names, sums, counts, weights, row_ids, end_sums, end_counts)
