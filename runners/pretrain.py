"""Pretraining: one model, one objective, one budget."""

import hashlib
import itertools
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock
from torch import nn

from models.batch import Batch
from models.build import set_initial_weights
from models.initialization import weights_hash
from models.pretrained_size import PretrainedConfig
from objectives.base import Objective, TrainModel, build_model
from runners.budget import Ledger
from runners.checkpoint import (
    load_checkpoint,
    load_weights,
    remove_checkpoint,
    save_checkpoint,
    save_weights,
)
from runners.configuration.experiment import ExperimentConfig, identity
from runners.corpora.corpus import Corpus
from runners.evaluation import MEASURE_SEED, prepare_held_out, row_losses
from runners.feed import check_rows, next_update, tokens_of
from runners.hardware import autocast, set_up
from runners.identity import TRAINS, name_of, training_source, versions
from runners.progress import Progress
from runners.trainer import learning_rate
from runners.update import UpdateStep, charge

HELD_OUT_ROWS = 128
"""Validation rows behind each point of the held-out curve."""

CURVE_POINTS = 100
"""About so many points of the training curve are kept."""


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
            the objective's total since the last point) and, at some, held_out; of a fusion,
            `held_out NAME` for each of its objectives.
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


def training_name(config: ExperimentConfig, corpus: Corpus) -> str:
    """The name of what is trained: measurements are not part of it, so that adding a probe does
    not train again.
    """  # noqa: D205
    content = identity(config)
    packages = [*TRAINS, *(["transformers"] if isinstance(config.model, PretrainedConfig) else [])]
    if config.objective is None:  # an untrained model carries the heads of all columns
        label, kept = "untrained", ["seed", "model", "columns"]
    else:
        label, kept = config.objective.name, ["seed", "model", "objective", "budget", "trainer"]
    hashed = name_of(
        [{key: content[key] for key in kept}, versions(*packages)],
        corpus.card.fingerprint,
        training_source(),
    )
    return f"{label}-s{config.seed}-{hashed}"


def pretrain(config: ExperimentConfig, corpus: Corpus, progress: Progress) -> Trained:
    """Train a model, or load it if it has been trained, or go on where it was interrupted.

    Raises:
        DivergedError: the loss is not finite.
        ValueError: the corpus has fewer rows than one update takes.
    """
    set_up(config.trainer)
    if config.objective is not None:
        check_rows(config.objective, corpus)
    folder = config.output_dir / "models" / training_name(config, corpus)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        model = initial_model(config, corpus)
        finished = folder / "training.json"
        if finished.is_file():
            training = Training.from_json(json.loads(finished.read_text()))
            if config.objective is not None:
                load_weights(model, folder / "model.safetensors")
        else:
            training = Training(Ledger(), weights_hash(model.backbone))
            if config.objective is not None:
                loop = _Loop(config, config.objective, corpus, model, training, folder, progress)
                training = loop.run()
                save_weights(model, folder / "model.safetensors")
            temporary = folder / "training.json.new"
            temporary.write_text(json.dumps(asdict(training)))
            os.replace(temporary, finished)
            remove_checkpoint(folder)
    return Trained(model.to(config.trainer.device).eval(), training, folder)


def initial_model(config: ExperimentConfig, corpus: Corpus) -> TrainModel:
    """A model before its first update; without an objective it has the heads of all columns."""
    size = corpus.vocabulary.size
    if config.objective is not None:
        return build_model(config.objective, config.model, size, config.seed)
    heads = nn.ModuleDict()
    for column in config.columns:
        for name, head in column.build_heads(config.model, size).items():
            if name in column.traits.test_heads:
                heads[name] = head
    backbone = config.model.build(size)
    model = TrainModel(backbone, heads, config.columns[0])
    set_initial_weights(backbone, heads, config.seed)
    return model


class _Loop:
    """The loop over updates of one training."""

    def __init__(
        self,
        config: ExperimentConfig,
        objective: Objective,
        corpus: Corpus,
        model: TrainModel,
        training: Training,
        folder: Path,
        progress: Progress,
    ) -> None:
        self._config, self._objective, self._corpus = config, objective, corpus
        self._model, self._training, self._folder = model, training, folder
        self._progress = progress
        self._held_out = [
            (
                column,
                list(prepare_held_out(column, self._held_out_batches(column), corpus.vocabulary)),
            )
            for column in objective.columns
        ]

    def run(self) -> Training:
        """Train until the budget is spent."""
        config, trainer = self._config, self._config.trainer
        self._model.to(trainer.device).train()
        step = UpdateStep(self._model, trainer, tokens_of(self._objective.phases[0], self._corpus))
        state = load_checkpoint(self._folder, self._model, step.optimizer)
        if state is not None:
            self._training = Training.from_json(state["training"])
            self._progress.say(f"going on after step {self._training.ledger.steps}")
        pending = 0.0 if state is None else state["pending_loss"]
        since_point = 0 if state is None else state["since_point"]
        saved = clock = time.perf_counter()
        phase_index, seconds = 0 if state is None else state["phase"], 0.0
        ledger, size = self._training.ledger, self._corpus.vocabulary.size
        while True:
            before = ledger.progress(config.budget)
            phase, batch, prepared = next_update(
                config, self._objective, self._corpus, ledger, before
            )
            if phase.index != phase_index:
                phase_index = phase.index
                change = step.restart if phase.fresh_optimizer else step.go_on
                change(tokens_of(phase, self._corpus))
            self._extend_hash(batch)
            number = ledger.steps
            charge(ledger, self._objective, batch, prepared, config.model, size, trainer)
            taken = ledger.progress(config.budget) - before
            if config.budget.unit == "seconds":  # not known yet, so as much as the update before
                taken = (seconds or time.perf_counter() - clock) / config.budget.amount
            rate = learning_rate(phase, taken, trainer)
            pending += step(prepared, rate, seed=config.seed, number=number)
            since_point += 1
            seconds = time.perf_counter() - clock
            ledger.seconds, clock = ledger.seconds + seconds, clock + seconds
            now, after = clock, ledger.progress(config.budget)
            if _crosses(before, after, CURVE_POINTS):
                self._add_point(pending / since_point, rate, before, after)
                pending, since_point = 0.0, 0
                clock = time.perf_counter()  # held-out losses are measuring, not training
            if after >= 1.0:
                break
            if now - saved > trainer.checkpoint_seconds:
                more = {
                    "pending_loss": pending,
                    "since_point": since_point,
                    "phase": phase_index,
                }
                state = {"training": asdict(self._training), **more}
                save_checkpoint(self._folder, self._model, step.optimizer, state)
                saved = clock = time.perf_counter()
        return self._training

    def _add_point(self, loss: float, rate: float, before: float, after: float) -> None:
        training, ledger = self._training, self._training.ledger
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss of {self._objective.name} is {loss} at step {ledger.steps}; a lower "
                "objective.learning_rate may help"
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
        if self._config.trainer.evaluations and (
            len(training.curve) == 0 or _crosses(before, after, self._config.trainer.evaluations)
        ):
            for column, prepared in self._held_out:
                if not prepared:
                    continue  # the validation split has no pairs
                model = TrainModel(self._model.backbone, self._model.heads, column)
                with autocast(self._config.trainer):
                    losses = row_losses(
                        model.train(),
                        prepared,
                        vocabulary=self._corpus.vocabulary,
                        device=self._config.trainer.device,
                    )
                fused = len(self._held_out) > 1
                point[f"held_out {column.name}" if fused else "held_out"] = losses.mean()
        training.curve.append(point)
        self._progress.step(after, loss=loss, rate=ledger.tokens / max(ledger.seconds, 1e-9))

    def _extend_hash(self, batch: Batch) -> None:
        training = self._training
        for count, row in enumerate(batch.row_ids.tolist(), start=training.ledger.rows + 1):
            content = f"{training.rows_hash} {row}"
            training.rows_hash = hashlib.sha256(content.encode()).hexdigest()
            if count.bit_count() == 1:  # a power of two
                training.rows_hash_at[str(count)] = training.rows_hash

    def _held_out_batches(self, column: Objective) -> Iterator[Batch]:
        size = column.rows_per_update
        views = column.traits.views
        available = int(self._corpus.usable("validation", views).sum())
        if available < (1 if column.traits.additive else 2):  # a row alone is told from none
            return iter(())
        size = min(size, available)
        count = max(1, min(HELD_OUT_ROWS, available) // size)
        batches = self._corpus.batches(
            "validation", batch_size=size, seed=MEASURE_SEED, views=views
        )
        return itertools.islice(batches, count)


def _crosses(before: float, after: float, points: int) -> bool:
    """Whether one of `points` equal marks lies between two shares of the budget."""
    return math.floor(before * points) < math.floor(after * points)
