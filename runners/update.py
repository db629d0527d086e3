"""One update of the weights, and its entry in the ledger."""

import torch
from torch import nn

from models.backbone import BackboneConfig
from models.flops import TRAINING_FACTOR
from models.initialization import seed_of
from objectives.base import Objective, Prepared, TrainModel
from runners.budget import Ledger
from runners.hardware import autocast
from runners.trainer import TrainerConfig, build_optimizer


class UpdateStep:
    """One update of the weights: forward and backward by micro-batches, clip, optimize.

    Args:
        model: on its device, in training mode.
        trainer: resolved.
    """

    def __init__(self, model: TrainModel, trainer: TrainerConfig) -> None:
        self._model, self._trainer = model, trainer
        self._forward = torch.compile(model) if trainer.compile else model
        self.optimizer = build_optimizer(model, trainer, model.objective.learning_rate)

    def __call__(self, prepared: Prepared, rate: float, *, seed: int, number: int) -> float:
        """Take update `number` at learning rate `rate`; the loss before it.

        Sums are divided once, by the counts of the whole update, so that micro-batches give the
        gradient of the whole batch. Dropout follows from (seed, number, micro-batch).
        """
        objective, trainer = self._model.objective, self._trainer
        counts = objective.counts(prepared)
        total = 0.0
        micro_batches = prepared.split(trainer.micro_batch_rows or len(prepared.inputs.input_ids))
        for index, micro in enumerate(micro_batches):
            torch.manual_seed(seed_of("dropout", seed, number, index))
            with autocast(trainer):
                output = self._forward(micro.to(trainer.device))
                loss = output.total(counts)
            loss.backward()
            total += float(loss.detach())
        nn.utils.clip_grad_norm_(self._model.parameters(), trainer.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total


def charge(
    ledger: Ledger, objective: Objective, prepared: Prepared, config: BackboneConfig, size: int
) -> None:
    """Enter one update into the ledger; its seconds are the loop's to enter."""
    rows, length = prepared.inputs.input_ids.shape
    own = rows // prepared.copies
    ledger.steps += 1
    ledger.rows += own
    ledger.tokens += int(prepared.inputs.attention_mask[:own].sum()) - 2 * own
    ledger.processed_tokens += rows * length
    ledger.supervised_targets += sum(objective.counts(prepared))
    ledger.forward_passes += rows
    ledger.flops += TRAINING_FACTOR * objective.forward_flops(config, size, prepared)
