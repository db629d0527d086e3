"""Trainings of a tiny model that are interrupted, killed and gone on with, and how they ended.

In this process, or in one of their own that is forked from it, so that nothing is imported again.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import torch
from experiments import experiment
from objective_files import load_objective

import runners.training.loop as loop_module
from models.initialization import weights_hash
from runners.configuration.experiment import ExperimentConfig
from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig
from runners.hardware import set_up
from runners.identity import training_source
from runners.measures.curve import HeldOutCurve
from runners.training.budget import BudgetConfig
from runners.training.pretrain import pretrain
from runners.training.update import UpdateStep

UPDATE, EPOCH = 11, 9
"""Rows of an update, and updates of an epoch."""

POINTS = 7
"""Of the curve, so that several updates lie between two of them."""

OBJECTIVES = ("clm", "mlm", "simcse", "rtd", "mlm_then_simcse", "clm_mlm")
"""The last two are fusions: one begins its second phase with a new optimizer."""

DIED = 9
"""The exit status of a process that ended itself without any clean-up."""

FORKED = multiprocessing.get_context("fork")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Life:
    """A training: what of, where, and how often it is saved.

    Attributes:
        objective: its name.
        corpus: the folder of the corpus.
        output: the training's own folder.
        steps: updates in all.
        saves: whether a checkpoint is written after every update, or none.
    """

    objective: str
    corpus: Path
    output: Path
    steps: int = 2 * EPOCH + 2
    saves: bool = True

    @property
    def config(self) -> ExperimentConfig:
        """The job."""
        dataset = LocalConfig(path="x", sequence_length=32)
        budget = BudgetConfig(unit="steps", amount=self.steps)
        trained = load_objective(self.objective).with_rows(UPDATE)
        config = experiment(None, dataset, self.output, objective=trained, budget=budget)
        seconds = 1e-9 if self.saves else 1e9
        trainer = replace(config.trainer, checkpoint_seconds=seconds, threads=1)
        return replace(config, trainer=trainer)

    @property
    def folder(self) -> Path:
        """Of the model; there once it is trained."""
        (found,) = (path for path in self.output.glob("models/*") if path.is_dir())
        return found

    @property
    def checkpoints(self) -> list[int]:
        """The steps of those that are there, in order."""
        names = [path.name for path in self.output.glob("models/*/checkpoints/*")]
        return sorted(int(name) for name in names if name.isdecimal())


class Notes:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def stage(self, name: str) -> None:
        """Not kept."""

    def step(
        self, fraction: float, *, loss: float | None = None, rate: float | None = None
    ) -> None:
        """Not kept."""


def train(life: Life, notes: Notes | None = None) -> dict[str, Any]:
    """Train, or go on; the weights' hash and every figure of the curve in hexadecimal."""
    torch.set_num_threads(1)
    corpus, config = Corpus(life.corpus), life.config
    assert config.objective is not None
    curve = HeldOutCurve(config.objective, corpus, config.trainer)
    models = config.output_dir / "models"
    with mock.patch.object(loop_module, "CURVE_POINTS", POINTS):
        trained = pretrain(config.recipe, corpus, models, notes or Notes(), curve)
    points = [
        {name: float(value).hex() for name, value in point.items() if name != "seconds"}
        for point in trained.training.curve
    ]
    hashes = [weights_hash(trained.model), trained.training.rows_hash]
    return {"curve": points, "hashes": hashes}


def start(life: Life, change: contextlib.AbstractContextManager[Any] | None = None) -> ForkProcess:
    """Begin a training in a process of its own.

    Args:
        life: the training.
        change: what it runs in.
    """

    def live() -> None:
        torch.set_num_threads(1)  # those of the first process are not there any more
        notes, began = Notes(), time.perf_counter()
        try:
            with change or contextlib.nullcontext():
                found = train(life, notes)
        except KeyboardInterrupt:
            sys.exit(130)
        took = time.perf_counter() - began
        (life.output / "end.json").write_text(json.dumps([found, notes.lines, took]))

    life.output.mkdir(exist_ok=True)
    set_up(life.config.trainer)  # imports what it takes, once
    training_source()
    process = FORKED.Process(target=live)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which no child uses
        process.start()
    return process


def end(life: Life, process: ForkProcess) -> tuple[dict[str, Any], list[str], float]:
    """What a process came to that ends by itself: figures, lines said, and seconds."""
    process.join(60)
    assert process.exitcode == 0
    found, lines, took = json.loads((life.output / "end.json").read_text())
    return found, lines, took


@contextmanager
def signalled(at: int, *numbers: int) -> Iterator[None]:
    """Send this process signals within the update of step `at`, one after the other."""
    call = UpdateStep.__call__

    def sending(self: UpdateStep, update: Any, rate: float) -> Any:
        if update.ledger.steps == at:
            for number in numbers:
                os.kill(os.getpid(), number)
        return call(self, update, rate)

    with mock.patch.object(UpdateStep, "__call__", sending):
        yield


@contextmanager
def dying(after: int, save: int = 2) -> Iterator[None]:
    """Die without clean-up in save number `save`, once so much of it has reached the disk.

    Args:
        after: files and folders synced, and files put into place.
        save: counted from 1.
    """
    from runners.training.checkpoint import Checkpoints

    saved, done = Checkpoints.save, [0, 0]

    def saving(self: Checkpoints, *arguments: Any) -> None:
        done[0] += 1
        saved(self, *arguments)
        if done[0] == save:
            os._exit(0)  # nothing was left to die in

    def counted(act: Callable[..., Result]) -> Callable[..., Result]:
        def acting(*arguments: Any) -> Result:
            found = act(*arguments)
            if done[0] == save:
                done[1] += 1
                if done[1] == after:
                    os._exit(DIED)
            return found

        return acting

    with (
        mock.patch.object(Checkpoints, "save", saving),
        mock.patch("os.fsync", counted(os.fsync)),
        mock.patch("os.replace", counted(os.replace)),
    ):
        yield


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds, or fail."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)


TERM, INT = signal.SIGTERM, signal.SIGINT
