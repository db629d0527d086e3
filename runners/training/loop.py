"""The loop over the updates of one training."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from objectives.base import TrainModel
from runners.corpora.corpus import Corpus
from runners.distributed import ALONE, Ranks, ranks
from runners.progress import Progress
from runners.sharding import shard, whole
from runners.training.checkpoint import Checkpoints
from runners.training.finite import Finite, check_input
from runners.training.initial import initial_model
from runners.training.interrupts import Interrupts
from runners.training.recipe import Recipe
from runners.training.room import MemoryShortError, Room
from runners.training.trained import Training
from runners.training.trainer import learning_rate
from runners.training.update import TOTAL, UpdateStep
from runners.training.updates import tokens_of, updates
from runners.training.weights import weights_of

CURVE_POINTS = 100
"""About so many points of the training curve are kept."""

AtMark = Callable[[TrainModel], dict[str, float]]
"""What is called at marks along the way: of the model as it is then, figures for the curve."""


class Loop:
    """The loop over the updates of one training, as `pretrain` and `along` start it."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Corpus,
        model: TrainModel,
        training: Training,
        checkpoints: Checkpoints,
        progress: Progress,
        at_mark: AtMark | None,
    ) -> None:
        self._recipe, self._corpus, self._model = recipe, corpus, model
        self._training, self._checkpoints = training, checkpoints
        self._progress, self._at_mark = progress, at_mark
        self._clock = 0.0
        self._phase = self._since_point = 0
        self._pending = torch.zeros((), dtype=torch.float64, device=recipe.trainer.device)
        waits = recipe.trainer.device == "cpu" or recipe.budget.unit == "seconds"
        self._numbers = Finite(at_once=waits)
        self._ranks = ALONE if recipe.trainer.processes == 1 else ranks()

    def run(self) -> tuple[Training, TrainModel]:
        """Train until the budget is spent, or a signal asks for an end; all processes in step.

        Returns:
            What is known of it, and the model, whole in the first process.
        """
        with self._ranks.training():
            training = self._run()
            self._ranks.check_alike(self._model)
            return training, self._whole_model()

    def _run(self) -> Training:
        recipe, trainer, corpus = self._recipe, self._recipe.trainer, self._corpus
        objective, budget = recipe.objective, recipe.budget
        assert objective is not None
        tokens = tokens_of(objective.phases[0], corpus)
        with self._ranks.together():
            if trainer.shard:
                shard(self._model, trainer.device)
            self._model.to(trainer.device).train()
            step = UpdateStep(self._model, objective, trainer, seed=recipe.seed, tokens=tokens)
        self._ranks.after_first(lambda: self._resume(step))
        training, seconds = self._training, 0.0
        saved = self._clock = time.perf_counter()
        room = Room(training.rows_at_once or trainer.micro_batch_rows)
        everything = updates(
            recipe, corpus, training.ledger, seconds=lambda: training.ledger.seconds, room=room
        )
        with Interrupts() as interrupts:
            for update in self._ranks.each(everything):
                if update.phase.index != self._phase:
                    self._phase = update.phase.index
                    change = step.restart if update.phase.fresh_optimizer else step.go_on
                    change(tokens_of(update.phase, corpus))
                check_input(update)
                before = update.moment.progress
                taken = update.ledger.progress(budget) - before
                if budget.unit == "seconds":  # not known yet, so as much as the update before
                    passed = seconds or self._ranks.of_first(time.perf_counter() - self._clock)
                    taken = passed / budget.amount
                rate = learning_rate(update.phase, taken, trainer)
                try:
                    losses = step(update, rate)
                except MemoryShortError:
                    room.halve(update)
                    training.rows_at_once = room.rows
                    self._progress.say(f"memory is short; on by {room.rows} row(s) at a time")
                    continue
                self._extend_hash(update.row_ids)
                self._numbers.note(update.ledger.steps, losses)
                self._pending = self._pending + losses[TOTAL]
                self._since_point += 1
                update.ledger.seconds = training.ledger.seconds
                training.ledger = update.ledger
                seconds = self._count_seconds(self._ranks)
                after = training.ledger.progress(budget)
                if _crosses(before, after, CURVE_POINTS):
                    self._add_point(rate, before, after)
                is_due = self._clock - saved > trainer.checkpoint_seconds and after < 1.0
                is_last = interrupts.asked
                if self._all_save(is_due or is_last):
                    self._save(step)
                    saved = self._clock
                if is_last:
                    break
        return training

    def _resume(self, step: UpdateStep) -> None:
        """Go on from the last checkpoint, if there is one."""
        state = self._checkpoints.load(self._model, step.optimizer)
        if state is not None:
            self._training = Training.from_json(state["training"])
            self._pending.fill_(state["pending_loss"])
            self._since_point, self._phase = state["since_point"], state["phase"]
            self._progress.say(f"going on after step {self._training.ledger.steps}")

    def _all_save(self, wanted: bool) -> bool:
        """Whether this process saves: the first one where it wants to, others where they hold a
        part of what is saved.
        """  # noqa: D205
        if self._recipe.trainer.shard:
            return bool(self._ranks.of_first(float(wanted)))
        return wanted and self._ranks.first

    def _save(self, step: UpdateStep) -> None:
        """Write a checkpoint, unless a number is not finite."""
        self._read_numbers()
        keep = self._ranks.first
        weights = whole(weights_of(self._model), keep=keep)
        memory = whole(step.optimizer.state_dict(), keep=keep)
        if not keep:
            return
        state = {
            "training": asdict(self._training),
            "pending_loss": float(self._pending),
            "since_point": self._since_point,
            "phase": self._phase,
        }
        self._checkpoints.save(self._training.ledger.steps, weights, memory, state)
        self._clock = time.perf_counter()

    def _count_seconds(self, group: Ranks = ALONE) -> float:
        """Enter what has passed since the clock was read, by the first one's, and give it."""
        now = time.perf_counter()
        passed, self._clock = group.of_first(now - self._clock), now
        self._training.ledger.seconds += passed
        return passed

    def _read_numbers(self) -> None:
        """Wait for a GPU, whose time counts too, and look at all that it has come to."""
        if self._numbers.is_waiting:
            self._numbers.read()
            self._count_seconds()

    def _add_point(self, rate: float, before: float, after: float) -> None:
        self._read_numbers()
        loss = float(self._pending) / self._since_point
        training, ledger = self._training, self._training.ledger
        point: dict[str, Any] = {
            "step": ledger.steps,
            "tokens": ledger.tokens,
            "flops": ledger.flops,
            "seconds": round(ledger.seconds, 3),
            "progress": after,
            "learning_rate": rate,
            "loss": loss,
        }
        marks = self._recipe.trainer.evaluations
        at_first = len(training.curve) == 0
        if marks and (at_first or _crosses(before, after, marks)):
            model = self._whole_model()
            if self._at_mark:
                point |= self._at_mark(model)
        training.curve.append(point)
        self._progress.step(after, loss=loss, rate=ledger.tokens / max(ledger.seconds, 1e-9))
        self._pending, self._since_point = torch.zeros_like(self._pending), 0
        self._clock = time.perf_counter()  # held-out losses are measuring, not training

    def _whole_model(self) -> TrainModel:
        """The model; of one that is cut a copy in the first process, all of them helping."""
        recipe = self._recipe
        if not recipe.trainer.shard:
            return self._model
        weights = whole(weights_of(self._model), keep=self._ranks.first)
        if not self._ranks.first:
            return self._model
        copy = initial_model(recipe, self._corpus)
        copy.load_state_dict(weights)
        return copy.to(recipe.trainer.device).train(self._model.training)

    def _extend_hash(self, row_ids: torch.Tensor) -> None:
        training = self._training
        for count, row in enumerate(row_ids.tolist(), start=training.ledger.rows + 1):
            content = f"{training.rows_hash} {row}"
            training.rows_hash = hashlib.sha256(content.encode()).hexdigest()
            if count.bit_count() == 1:  # a power of two
                training.rows_hash_at[str(count)] = training.rows_hash


def _crosses(before: float, after: float, points: int) -> bool:
    """Whether one of `points` equal marks lies between two shares of the budget."""
    return math.floor(before * points) < math.floor(after * points)
