"""The resolved configuration of one job: typed, checked, and free of Hydra."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from models.config import BackboneConfig
from models.pooling import POOLINGS
from objectives.base import Objective
from objectives.contrastive import TwoStage
from objectives.registry import plugin_hash
from objectives.sequence import InSequence
from runners.budget import BudgetConfig
from runners.corpora.document import CorpusConfig
from runners.probes.base import Probe
from runners.trainer import TrainerConfig


@dataclass(frozen=True, kw_only=True)
class MeasuresConfig:
    """How every model is measured, the same for all.

    Attributes:
        rows: held-out rows under each objective's loss.
        pairs: natural pairs under InfoNCE.
        candidates: bodies that a summary is told from, its own included.
        temperature: of that InfoNCE.
        adaptation_steps: updates of a fresh head on the frozen backbone; 0 leaves it out.
        adaptation_rows: rows in each of those updates.
        adaptation_learning_rate: constant.
        pooling: how a text becomes a vector, in probes and in the pairs' InfoNCE.
        layers: `all` lets frozen probes that have validation data (classification, retrieval)
            choose the layer that they read on it, each model its own; `last`.
        passes: of a masked model over a text whose likelihood a probe asks for, each with that
            share of the tokens masked; 0 masks one token at a time (Salazar et al. 2020).
        primary: the probe metrics that the verdict is about, declared before the run.
    """

    rows: int = 512
    pairs: int = 512
    candidates: int = 64
    temperature: float = 0.05
    adaptation_steps: int = 100
    adaptation_rows: int = 16
    adaptation_learning_rate: float = 1e-3
    pooling: str = "mean"
    layers: str = "all"
    passes: int = 0
    primary: tuple[str, ...] = ()

    @property
    def measuring(self) -> dict[str, Any]:
        """What figures depend on; the others decide what is said of them."""
        told = ("primary",)
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in told}

    def __post_init__(self) -> None:
        for name in ("rows", "adaptation_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.candidates < 2:
            raise ValueError(f"candidates is {self.candidates}; it must be at least 2")
        if self.pairs < self.candidates:
            raise ValueError(
                f"pairs is {self.pairs}; it must be at least candidates, {self.candidates}"
            )
        if self.adaptation_steps < 0:
            raise ValueError(f"adaptation_steps is {self.adaptation_steps}; 0 leaves it out")
        for name in ("temperature", "adaptation_learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}; known: {', '.join(POOLINGS)}")
        if self.passes < 0 or self.passes == 1:
            raise ValueError(
                f"passes is {self.passes}; it must be 2 or more (5 mask a fifth of the tokens at a "
                "time), or 0 for one token at a time"
            )
        if self.layers not in ("all", "last"):
            raise ValueError(f"layers is {self.layers!r}; known: all, last")


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """One job: what is trained, on what, for how long, and how it is measured.

    Attributes:
        objective: what is trained; None stands for the untrained model.
        columns: objectives under whose loss every model is measured, at their own values.
        plugins: SHA-256 of the content of every plugin file of the command, by objective name.
            What is used of them stands with each objective (`described`).
        output_dir: everything that the job writes goes below it.
        hub_dir: a folder that takes the hub's place, or None.
        workers: jobs at a time, each in a process of its own; 0 as many as the cores hold.
    """

    seed: int
    model: BackboneConfig
    objective: Objective | None
    dataset: CorpusConfig
    budget: BudgetConfig
    trainer: TrainerConfig
    measures: MeasuresConfig
    columns: tuple[Objective, ...]
    probes: tuple[Probe, ...]
    plugins: dict[str, str]
    output_dir: Path
    hub_dir: Path | None
    workers: int = 0

    def __post_init__(self) -> None:
        if self.dataset.sequence_length > self.model.max_length:
            raise ValueError(
                f"dataset.sequence_length is {self.dataset.sequence_length}, and the model's "
                f"longest row is model.max_length={self.model.max_length}; lower the one or "
                "raise the other"
            )
        if self.objective is not None:
            self.objective.check(self.model, self.dataset.sequence_length)
            if self.trainer.micro_batch_rows is not None:
                _check_micro_batches(self.objective, self.trainer.micro_batch_rows)

    def to_json(self) -> dict[str, Any]:
        """All that decides the figures, for the record and for the run's name.

        Left out: where output goes, and where the hub's copy lies (the data's fingerprint says
        what was read), and settings of progress and safety.
        """
        content = {
            "seed": self.seed,
            "model": plain(self.model),
            "objective": plain(self.objective),
            "dataset": {"kind": type(self.dataset).__name__, **plain(self.dataset)},
            "budget": plain(self.budget),
            "trainer": plain(self.trainer),
            "measures": plain(self.measures),
            "columns": plain(self.columns),
            "probes": [
                {
                    "kind": type(probe).__name__,
                    **plain(probe),
                    "main": probe.main_metric,
                    "metrics": list(probe.metrics),
                }
                for probe in self.probes
            ],
        }
        del content["trainer"]["checkpoint_seconds"]
        content["model"].pop("folder", None)
        return content


def _check_micro_batches(objective: Objective, rows: int) -> None:
    """Raise ValueError where an update would have to be computed by pieces and cannot be."""
    if isinstance(objective, InSequence):  # every phase has updates of its own size
        for name in objective.order:
            _check_micro_batches(objective.terms[name], rows)
        return
    whole = [c for c in objective.columns if not c.traits.additive and not isinstance(c, TwoStage)]
    if whole and rows < objective.rows_per_update:
        raise ValueError(
            f"trainer.micro_batch_rows is {rows}, and the loss of {whole[0].name} needs all "
            f"{objective.rows_per_update} rows of an update at once: leave micro_batch_rows out, "
            f"or lower objective.rows_per_update to {rows} (a class of one's own that is a "
            "TwoStage, objectives/contrastive.py, is computed by pieces)"
        )


def described(objective: Objective) -> dict[str, Any]:
    """All its settings, and its class, which a name of the user's own does not tell.

    A class from a file of the user's is told by the content of that file.
    """
    kind = type(objective)
    found = {
        "kind": kind.__name__,
        **{f.name: plain(getattr(objective, f.name)) for f in fields(objective)},
    }
    plugin = plugin_hash(kind)
    return found if plugin is None else {**found, "plugin": plugin}


def plain(value: Any) -> Any:
    """As JSON gives it back, so that what is read from a record equals what was written.

    Objectives are described, tuples and sets become lists, and what JSON lacks becomes its text.
    """
    if isinstance(value, Objective):
        return described(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Set):
        return sorted(plain(item) for item in value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
