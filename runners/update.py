"""One update of the weights, and its entry in the ledger."""

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.config import BackboneConfig
from models.initialization import seed_of
from objectives.base import Objective, TrainModel
from objectives.contrastive import TwoStage
from objectives.prepared import Prepared
from runners.budget import Ledger
from runners.hardware import autocast
from runners.trainer import TrainerConfig, build_optimizer, second_moment_decay


class UpdateStep:
    """One update of the weights: forward and backward by micro-batches, clip, optimize.

    Args:
        model: on its device, in training mode.
        trainer: resolved.
        tokens: of text in an update, about.
    """

    def __init__(self, model: TrainModel, trainer: TrainerConfig, tokens: float) -> None:
        self._model, self._trainer = model, trainer
        self._forward = torch.compile(model) if trainer.compile else model
        self.restart(tokens)

    def restart(self, tokens: float) -> None:
        """Go on with an optimizer that remembers nothing."""
        rate = self._model.objective.learning_rate
        beta2 = second_moment_decay(tokens, self._trainer)
        self.optimizer = build_optimizer(self._model, self._trainer, rate, beta2)

    def go_on(self, tokens: float) -> None:
        """Keep what the optimizer remembers, in updates of another size.

        AdamW divides the mean of squared gradients by 1 - beta2^t for its beginning at 0; it is
        scaled so that the quotient stays.
        """
        beta2 = second_moment_decay(tokens, self._trainer)
        for group in self.optimizer.param_groups:
            beta1, before = group["betas"]
            group["betas"] = (beta1, beta2)
            for parameter in group["params"]:
                if state := self.optimizer.state.get(parameter):
                    count = float(state["step"])
                    state["exp_avg_sq"].mul_((1 - beta2**count) / (1 - before**count))

    def __call__(self, prepared: Prepared, rate: float, *, seed: int, number: int) -> float:
        """Take update `number` at learning rate `rate`; the loss before it.

        Sums are divided once, by the counts of the whole update, so that micro-batches give the
        gradient of the whole batch. Dropout follows from (seed, number, micro-batch).
        """
        total, micro_batch = 0.0, 0
        for objective, leaf, weight, _ in self._model.objective.leaves(prepared):
            cached = pieces_of(objective, leaf, self._trainer)
            if isinstance(objective, TwoStage) and len(cached) > 1:
                seeds = [
                    seed_of("dropout", seed, number, micro_batch + i) for i in range(len(cached))
                ]
                total += self._backward_by_pieces(objective, leaf, cached, weight, seeds)
                micro_batch += len(cached)
                continue
            counts = objective.counts(leaf)
            for micro in cached:
                torch.manual_seed(seed_of("dropout", seed, number, micro_batch))
                with autocast(self._trainer):
                    output = self._forward(micro.to(self._trainer.device), objective)
                    loss = weight * output.total(counts)
                loss.backward()
                total += float(loss.detach())
                micro_batch += 1
        nn.utils.clip_grad_norm_(self._model.parameters(), self._trainer.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._model.objective.after_update(self._model)
        return total

    def _backward_by_pieces(
        self,
        objective: TwoStage,
        whole: Prepared,
        pieces: list[Prepared],
        weight: float,
        seeds: list[int],
    ) -> float:
        """GradCache (Gao et al. 2021): the gradient of a large batch in the memory of a small one.

        Vectors are computed without a graph, the contrast gives their gradients, and each piece
        is computed again, under the same dropout, to carry its own gradients back.
        """
        device = self._trainer.device
        vectors = []
        for piece, seed in zip(pieces, seeds, strict=True):
            with torch.no_grad():
                vectors.append(self._embed(objective, piece, seed))
        cached = torch.cat(vectors).requires_grad_()
        with autocast(self._trainer):
            output = objective.contrast(self._model, cached, whole.to(device))
            loss = weight * output.total(objective.counts(whole))
        loss.backward()  # type: ignore[no-untyped-call]
        assert cached.grad is not None
        gradients = torch.split(cached.grad, [len(part) for part in vectors])
        for piece, seed, gradient in zip(pieces, seeds, gradients, strict=True):
            self._embed(objective, piece, seed).backward(gradient)  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _embed(self, objective: TwoStage, piece: Prepared, seed: int) -> Tensor:
        torch.manual_seed(seed)
        with autocast(self._trainer):
            return objective.embed(self._model, piece.to(self._trainer.device))


def pieces_of(objective: Objective, leaf: Prepared, trainer: TrainerConfig) -> list[Prepared]:
    """What is computed at once: micro-batches, or for a loss of two stages pieces for GradCache.

    Of any other loss the whole; runners/configuration has refused smaller micro-batches.
    """
    rows = trainer.micro_batch_rows
    if rows is not None and objective.traits.additive:
        return leaf.split(rows)
    if rows is not None and isinstance(objective, TwoStage):
        return leaf.views(rows) if rows < len(leaf.inputs.input_ids) else [leaf]
    return [leaf]


def charge(
    ledger: Ledger,
    objective: Objective,
    batch: Batch,
    prepared: Prepared,
    config: BackboneConfig,
    size: int,
    trainer: TrainerConfig,
) -> None:
    """Enter one update into the ledger; its seconds are the loop's to enter.

    Args:
        ledger: of the run.
        objective: that was trained.
        batch: the rows of the stream.
        prepared: what the objective made of them.
        config: of the backbone.
        size: of the vocabulary.
        trainer: whose GradCache takes another forward pass.
    """
    ledger.steps += 1
    ledger.rows += len(batch.input_ids)
    ledger.tokens += int(batch.attention_mask.sum()) - 2 * len(batch.input_ids)
    ledger.supervised_targets += sum(objective.counts(prepared).values())
    for part, leaf, _, _ in objective.leaves(prepared):
        rows, length = leaf.inputs.input_ids.shape
        again = not part.traits.additive and len(pieces_of(part, leaf, trainer)) > 1
        passes = 1 + again
        ledger.processed_tokens += rows * length * passes
        ledger.forward_passes += rows * passes
        ledger.flops += part.training_flops(config, size, leaf)
        ledger.flops += again * part.forward_flops(config, size, leaf)
