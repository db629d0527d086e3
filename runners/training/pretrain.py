"""Pretraining: one model, one objective, one budget."""

import hashlib
import json
import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
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
from runners.distributed import ALONE, ranks
from runners.hardware import set_up
from runners.identity import TRAINS, name_of, training_source, versions
from runners.plain import plain
from runners.progress import Progress, Silent
from runners.training.budget import Ledger
from runners.training.checkpoint import (
    load_checkpoint,
    load_weights,
    remove_checkpoint,
    save_checkpoint,
    save_weights,
)
from runners.training.recipe import Recipe
from runners.training.trainer import learning_rate
from runners.training.update import UpdateStep
from runners.training.updates import check_rows, tokens_of, updates

CURVE_POINTS = 100
"""About so many points of the training curve are kept."""

AtMark = Callable[[TrainModel], dict[str, float]]
"""What is called at marks along the way: of the model as it is then, figures for the curve."""


class DivergedError(RuntimeError):
    """The loss is no longer a finite number."""


@dataclass
class Training:
    """What is known of a training, finished or under way.

    Attributes:
        ledger: what was spent.
        init_hash: of the backbone's weights before the first step.
        rows_hash: chain of SHA-256 over the ids of the rows received, in order.
        rows_hash_at: that hash after 1, 2, 4, 8, ... rows: two runs read the same stream as far
            as these agree, whatever their batch sizes.
        curve: points with step, tokens, flops, seconds, progress, learning_rate, loss (mean of
            the objective's total since the last point) and, at some, what was measured there.
    """

    ledger: Ledger
    init_hash: str
    rows_hash: str = ""
    rows_hash_at: dict[str, str] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Training":
        """What `asdict` made of one."""
        return cls(**{**content, "ledger": Ledger(**content["ledger"])})


@dataclass(frozen=True, slots=True)
class Trained:
    """A model after its training.

    Attributes:
        model: backbone and heads, in evaluation mode.
        training: its ledger, hashes and curve.
        folder: where weights and measurements are kept.
    """

    model: TrainModel
    training: Training
    folder: Path


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

    Args:
        recipe: what decides the weights.
        corpus: that is read.
        models: the folder of all trained models.
        progress: told of every point of the curve.
        at_mark: called so often as the recipe evaluates; it leaves the model as it was.
        call_others: called with the training's name where there is something to train by several
            processes, of which this is the first; the others answer by `along`.

    Raises:
        DivergedError: the loss is not finite.
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
        finished = folder / "training.json"
        if finished.is_file():
            training = Training.from_json(json.loads(finished.read_text()))
            if recipe.objective is not None:
                load_weights(model, folder / "model.safetensors")
        else:
            training = Training(Ledger(), weights_hash(model.backbone))
            if recipe.objective is not None:
                _check_world(folder, recipe.trainer.processes)
                if call_others is not None:
                    call_others(folder.name)
                loop = _Loop(recipe, corpus, model, training, folder, progress, at_mark)
                training = loop.run()
                save_weights(model, folder / "model.safetensors")
            temporary = folder / "training.json.new"
            temporary.write_text(json.dumps(asdict(training)))
            os.replace(temporary, finished)
            remove_checkpoint(folder)
    return Trained(model.to(recipe.trainer.device).eval(), training, folder)


def along(recipe: Recipe, corpus: Corpus, models: Path) -> Callable[[], Training]:
    """What takes part in a training that the first process leads and keeps."""
    set_up(recipe.trainer)
    model = initial_model(recipe, corpus)
    folder = models / training_name(recipe, corpus)
    return _Loop(recipe, corpus, model, Training(Ledger(), ""), folder, Silent(), None).run


def _check_world(folder: Path, processes: int) -> None:
    """Raise ValueError where as many processes as are not here have begun this very training."""
    alone = re.sub(r"-x\d+$", "", folder.name)
    for other in [folder.with_name(alone), *folder.parent.glob(f"{alone}-x*")]:
        begun = other.is_dir() and any(other.glob("checkpoint*"))
        if other != folder and begun and not (other / "training.json").is_file():
            world = int(other.name.removeprefix(alone).removeprefix("-x") or 1)
            raise ValueError(
                f"{world} process(es) are half through this training, and {processes} would take "
                f"other steps: go on with {world} (torchrun --nproc-per-node), or delete {other} "
                "to begin anew"
            )


def trained_already(recipe: Recipe, corpus: Corpus, models: Path) -> Trained | None:
    """The model, if its training is finished."""
    there = (models / training_name(recipe, corpus) / "training.json").is_file()
    return pretrain(recipe, corpus, models, Silent()) if there else None


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
        folder: Path,
        progress: Progress,
        at_mark: AtMark | None,
    ) -> None:
        self._recipe, self._corpus, self._model = recipe, corpus, model
        self._training, self._folder = training, folder
        self._progress, self._at_mark = progress, at_mark
        self._ranks = ALONE if recipe.trainer.processes == 1 else ranks()

    def run(self) -> Training:
        """Train until the budget is spent, all processes in step."""
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
        state = self._ranks.after_first(
            lambda: load_checkpoint(self._folder, self._model, step.optimizer)
        )
        if state is not None:
            self._training = Training.from_json(state["training"])
            self._progress.say(f"going on after step {self._training.ledger.steps}")
        pending = 0.0 if state is None else state["pending_loss"]
        since_point = 0 if state is None else state["since_point"]
        phase_index, seconds = 0 if state is None else state["phase"], 0.0
        training = self._training
        saved = clock = time.perf_counter()
        everything = updates(
            recipe, corpus, training.ledger, seconds=lambda: training.ledger.seconds
        )
        for update in self._ranks.each(everything):
            if update.phase.index != phase_index:
                phase_index = update.phase.index
                change = step.restart if update.phase.fresh_optimizer else step.go_on
                change(tokens_of(update.phase, corpus))
            self._extend_hash(update.row_ids)
            before = update.moment.progress
            taken = update.ledger.progress(budget) - before
            if budget.unit == "seconds":  # not known yet, so as much as the update before
                passed = seconds or self._ranks.of_first(time.perf_counter() - clock)
                taken = passed / budget.amount
            rate = learning_rate(update.phase, taken, trainer)
            pending += step(update, rate)
            since_point += 1
            seconds = self._ranks.of_first(time.perf_counter() - clock)
            spent = training.ledger.seconds + seconds
            training.ledger, clock = update.ledger, clock + seconds
            training.ledger.seconds = spent
            now, after = clock, training.ledger.progress(budget)
            if _crosses(before, after, CURVE_POINTS):
                self._add_point(pending / since_point, rate, before, after)
                pending, since_point = 0.0, 0
                clock = time.perf_counter()  # held-out losses are measuring, not training
            due = self._ranks.first and now - saved > trainer.checkpoint_seconds
            if due and after < 1.0:
                more = {
                    "pending_loss": pending,
                    "since_point": since_point,
                    "phase": phase_index,
                }
                state = {"training": asdict(training), **more}
                save_checkpoint(self._folder, self._model, step.optimizer, state)
                saved = clock = time.perf_counter()
        return training

    def _add_point(self, loss: float, rate: float, before: float, after: float) -> None:
        training, ledger = self._training, self._training.ledger
        if not math.isfinite(loss):
            assert self._recipe.objective is not None
            raise DivergedError(
                f"the loss of {self._recipe.objective.name} is {loss} at step {ledger.steps}; a "
                "lower objective.learning_rate may help"
            )
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
