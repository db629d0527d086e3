"""Pretraining: one model, one objective, one budget."""

import contextlib
import hashlib
import math
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import nn

from models.build import set_initial_weights
from models.checkpoint_size import PretrainedConfig
from models.initialization import weights_hash
from objectives.base import TrainModel, build_model
from runners.corpora.corpus import Corpus
from runners.distributed import ALONE, Ranks, ranks
from runners.hardware import set_up
from runners.identity import TRAINS, name_of, training_source, versions
from runners.plain import plain
from runners.progress import Progress, Silent
from runners.training.budget import Ledger
from runners.training.checkpoint import WEIGHTS, Checkpoints
from runners.training.finite import Finite, check_input
from runners.training.interrupts import Interrupts
from runners.training.recipe import Recipe
from runners.training.room import MemoryShortError, Room
from runners.training.trained import (
    FACTS,
    DamagedError,
    Trained,
    Training,
    read_training,
    write_training,
)
from runners.training.trainer import learning_rate
from runners.training.update import TOTAL, UpdateStep
from runners.training.updates import check_rows, tokens_of, updates
from runners.training.weights import load_weights

CURVE_POINTS = 100
"""About so many points of the training curve are kept."""

AtMark = Callable[[TrainModel], dict[str, float]]
"""What is called at marks along the way: of the model as it is then, figures for the curve."""


def training_name(recipe: Recipe, corpus: Corpus) -> str:
    """The name of what is trained: measurements are not part of it, so that adding a probe does
    not train again.
    """  # noqa: D205
    content = plain(recipe)
    del content["trainer"]["checkpoint_seconds"]
    processes = content["trainer"].pop("processes")
    packages = [*TRAINS, *(["transformers"] if isinstance(recipe.model, PretrainedConfig) else [])]
    if recipe.objective is None:  # an untrained model carries the heads of all columns
        label, kept = "untrained", ["seed", "model", "columns"]
    else:
        label, kept = recipe.objective.name, ["seed", "model", "objective", "budget", "trainer"]
    hashed = name_of(
        [{key: content[key] for key in kept}, versions(*packages)],
        corpus.card.fingerprint,
        training_source(),
    )
    shared = f"-x{processes}" if processes > 1 and recipe.objective is not None else ""
    return f"{label}-s{recipe.seed}-{hashed}{shared}"


def pretrain(
    recipe: Recipe,
    corpus: Corpus,
    models: Path,
    progress: Progress,
    at_mark: AtMark | None = None,
    *,
    call_others: Callable[[str], None] | None = None,
) -> Trained:
    """Train a model, or load it if it has been trained, or go on where it was interrupted.

    SIGTERM and Ctrl-C end it once the update under way is taken and a checkpoint written.

    Args:
        recipe: what decides the weights.
        corpus: that is read.
        models: the folder of all trained models.
        progress: told of every point of the curve.
        at_mark: called so often as the recipe evaluates; it leaves the model as it was.
        call_others: called with the training's name where there is something to train by several
            processes, of which this is the first; the others answer by `along`.

    Raises:
        DivergedError: loss, gradient or input is not finite.
        CheckpointError: it was interrupted, and every checkpoint is damaged.
        ValueError: the corpus has fewer rows than one update takes, or other processes are half
            through this training.
    """
    set_up(recipe.trainer)
    if recipe.objective is not None:
        check_rows(recipe.objective, corpus)
    folder = models / training_name(recipe, corpus)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        model = initial_model(recipe, corpus)
        training, checkpoints = _finished(folder, progress), Checkpoints(folder, progress.say)
        if training is None:
            training = Training(Ledger(), weights_hash(model.backbone))
            if recipe.objective is not None:
                _check_world(folder, recipe.trainer.processes)
                if call_others is not None:
                    call_others(folder.name)
                loop = _Loop(recipe, corpus, model, training, checkpoints, progress, at_mark)
                training = loop.run()
            write_training(folder, training, model if recipe.objective is not None else None)
        elif recipe.objective is not None:
            load_weights(model, folder / WEIGHTS)
        checkpoints.remove()
    return Trained(model.to(recipe.trainer.device).eval(), training, folder)


def along(recipe: Recipe, corpus: Corpus, models: Path) -> Callable[[], Training]:
    """What takes part in a training that the first process leads and keeps."""
    set_up(recipe.trainer)
    model = initial_model(recipe, corpus)
    folder = models / training_name(recipe, corpus)
    checkpoints = Checkpoints(folder, Silent().say)
    return _Loop(recipe, corpus, model, Training(Ledger(), ""), checkpoints, Silent(), None).run


def _check_world(folder: Path, processes: int) -> None:
    """Raise ValueError where as many processes as are not here have begun this very training."""
    alone = re.sub(r"-x\d+$", "", folder.name)
    for other in [folder.with_name(alone), *folder.parent.glob(f"{alone}-x*")]:
        begun = other.is_dir() and any(other.glob("checkpoints/*"))
        if other != folder and begun and not (other / FACTS).is_file():
            world = int(other.name.removeprefix(alone).removeprefix("-x") or 1)
            raise ValueError(
                f"{world} process(es) are half through this training, and {processes} would take "
                f"other steps: go on with {world} (torchrun --nproc-per-node), or delete {other} "
                "to begin anew"
            )


def _finished(folder: Path, progress: Progress) -> Training | None:
    """A finished training; None where there is none, or it is damaged and to be made again.

    Then what was measured of it is deleted: on a GPU the next model may be another.
    """
    try:
        return read_training(folder)
    except DamagedError as error:
        progress.say(f"{error}; the model is trained again")
    (folder / FACTS).unlink()
    shutil.rmtree(folder / "measures", ignore_errors=True)
    return None


def trained_already(recipe: Recipe, corpus: Corpus, models: Path) -> Trained | None:
    """The model, if its training is finished and whole."""
    folder = models / training_name(recipe, corpus)
    with contextlib.suppress(DamagedError):
        if read_training(folder) is not None:
            return pretrain(recipe, corpus, models, Silent())
    return None


def initial_model(recipe: Recipe, corpus: Corpus) -> TrainModel:
    """A model before its first update; without an objective it has the heads of all columns."""
    size = corpus.vocabulary.size
    if recipe.objective is not None:
        return build_model(recipe.objective, recipe.model, size, recipe.seed)
    heads = nn.ModuleDict()
    for column in recipe.columns:
        for name, head in column.build_heads(recipe.model, size).items():
            if name in column.traits.test_heads:
                heads[name] = head
    backbone = recipe.model.build(size)
    set_initial_weights(backbone, heads, recipe.seed)
    model = TrainModel(backbone, heads)
    for column in recipe.columns:
        if set(column.build_heads(recipe.model, size)) <= set(column.traits.test_heads):
            column.start(model)
    return model


class _Loop:
    """The loop over updates of one training."""

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

    def run(self) -> Training:
        """Train until the budget is spent, or a signal asks for an end; all processes in step."""
        with self._ranks.training():
            training = self._run()
            self._ranks.check_alike(self._model)
        return training

    def _run(self) -> Training:
        recipe, trainer, corpus = self._recipe, self._recipe.trainer, self._corpus
        objective, budget = recipe.objective, recipe.budget
        assert objective is not None
        tokens = tokens_of(objective.phases[0], corpus)
        with self._ranks.together():
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
                if self._ranks.first and (is_due or is_last):
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

    def _save(self, step: UpdateStep) -> None:
        """Write a checkpoint, unless a number is not finite."""
        self._read_numbers()
        state = {
            "training": asdict(self._training),
            "pending_loss": float(self._pending),
            "since_point": self._since_point,
            "phase": self._phase,
        }
        self._checkpoints.save(self._training.ledger.steps, self._model, step.optimizer, state)
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
        if self._at_mark and marks and (at_first or _crosses(before, after, marks)):
            point |= self._at_mark(self._model)
        training.curve.append(point)
        self._progress.step(after, loss=loss, rate=ledger.tokens / max(ledger.seconds, 1e-9))
        self._pending, self._since_point = torch.zeros_like(self._pending), 0
        self._clock = time.perf_counter()  # held-out losses are measuring, not training

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
