"""The configuration of one job: typed, checked, and written so that it can be read back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from models.config import BackboneConfig
from objectives.base import Objective
from objectives.trainable import Trainable
from runners.corpora.document import CorpusConfig
from runners.measures.config import MeasuresConfig
from runners.measures.finish import FinishConfig
from runners.plain import plain
from runners.probes.base import Probe
from runners.training.budget import BudgetConfig
from runners.training.recipe import Recipe, check_micro_batches, check_processes
from runners.training.trainer import TrainerConfig

PLACES = ("output_dir", "hub_dir", "workers", "hang_seconds", "optimise", "plugins")
"""Where output goes, where the hub's copy lies, who runs it and who asks: no part of what a run
is."""


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """One job: what is trained, on what, for how long, and how it is measured.

    Attributes:
        objective: what is trained; None stands for the untrained model.
        columns: objectives under whose loss every model is measured, at their own values.
        finish: what every model is fine-tuned on at the end, after which probes measure it again.
        plugins: SHA-256 of every plugin file of the command, by path. What is used of them stands
            with each class too (runners/plain.py).
        output_dir: everything that the job writes goes below it.
        hub_dir: a folder that takes the hub's place, or None.
        workers: processes that share jobs and measuring; 0 as many as the cores or GPUs hold.
        hang_seconds: without progress, after which a job is ended.
        optimise: the figure that a sweeper is told.
    """

    seed: int
    model: BackboneConfig
    objective: Trainable | None
    dataset: CorpusConfig
    budget: BudgetConfig
    trainer: TrainerConfig
    measures: MeasuresConfig
    columns: tuple[Objective, ...]
    probes: tuple[Probe, ...]
    finish: FinishConfig = field(default_factory=FinishConfig)
    plugins: Mapping[str, str]
    output_dir: Path
    hub_dir: Path | None
    workers: int = 0
    hang_seconds: float = 3600.0
    optimise: str = "loss"

    def __post_init__(self) -> None:
        if self.dataset.sequence_length > self.model.max_length:
            raise ValueError(
                f"dataset.sequence_length is {self.dataset.sequence_length}, and the model's "
                f"longest row is model.max_length={self.model.max_length}; lower the one or "
                "raise the other"
            )
        names = [probe.name for probe in self.probes]
        if self.finish.probe not in (None, *names):
            raise ValueError(
                f"finish.probe is {self.finish.probe!r}, and no probe of the run has that name; it "
                f"has {', '.join(names) or 'none'}"
            )
        if self.objective is not None:
            self.objective.check(self.model, self.dataset.sequence_length)
            check_processes(self.objective, self.trainer.processes)
            if self.trainer.micro_batch_rows is not None:
                check_micro_batches(self.objective, self.trainer.micro_batch_rows)

    @property
    def recipe(self) -> Recipe:
        """What training may know of it."""
        return Recipe(
            seed=self.seed,
            model=self.model,
            objective=self.objective,
            budget=self.budget,
            trainer=self.trainer,
            columns=self.columns,
        )


def written(config: ExperimentConfig) -> dict[str, Any]:
    """All of a configuration, JSON-like, as `read` (read.py) takes it."""
    found = {f.name: plain(getattr(config, f.name)) for f in fields(config)}
    found["probes"] = {probe.name: plain(probe) for probe in config.probes}
    found["columns"] = {column.name: plain(column) for column in config.columns}
    return found


def identity(config: ExperimentConfig) -> dict[str, Any]:
    """All that decides the figures, for the record and for the run's name.

    Left out: places (the data's fingerprint says what was read), and settings of safety.
    """
    found = {name: value for name, value in written(config).items() if name not in PLACES}
    del found["trainer"]["checkpoint_seconds"]
    return found
