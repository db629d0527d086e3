"""The resolved configuration of one job: typed, checked, and free of Hydra."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.config import BackboneConfig
from models.pooling import POOLINGS
from objectives.base import Objective
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
        bootstrap: resamples behind an interval over test examples.
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
    bootstrap: int = 2000
    primary: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("rows", "adaptation_rows", "bootstrap"):
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


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """One job: what is trained, on what, for how long, and how it is measured.

    Attributes:
        objective: what is trained; None stands for the untrained model.
        columns: objectives under whose loss every model is measured, at their own values.
        plugins: SHA-256 of the content of every plugin file, by objective name.
        output_dir: everything that the job writes goes below it.
        hub_dir: a folder that takes the hub's place, or None.
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

    def __post_init__(self) -> None:
        if self.dataset.sequence_length > self.model.max_length:
            raise ValueError(
                f"dataset.sequence_length is {self.dataset.sequence_length}, and the model's "
                f"longest row is model.max_length={self.model.max_length}; lower the one or "
                "raise the other"
            )
        if self.objective is not None:
            self.objective.check(self.model, self.dataset.sequence_length)

    def to_json(self) -> dict[str, Any]:
        """All that decides the figures, for the record and for the run's name.

        Left out: where output goes, and where the hub's copy lies (the data's fingerprint says
        what was read), and settings of progress and safety.
        """
        trainer, model = asdict(self.trainer), asdict(self.model)
        del trainer["checkpoint_seconds"]
        model.pop("folder", None)
        return {
            "seed": self.seed,
            "model": model,
            "objective": None if self.objective is None else described(self.objective),
            "dataset": {"kind": type(self.dataset).__name__, **asdict(self.dataset)},
            "budget": asdict(self.budget),
            "trainer": trainer,
            "measures": asdict(self.measures),
            "columns": [described(column) for column in self.columns],
            "probes": [
                {
                    "kind": type(probe).__name__,
                    **asdict(probe),
                    "main": probe.main_metric,
                    "metrics": list(probe.metrics),
                }
                for probe in self.probes
            ],
            "plugins": self.plugins,
        }


def described(objective: Objective) -> dict[str, Any]:
    """All its settings, and its class, which a name of the user's own does not tell."""
    return {"kind": type(objective).__name__, **asdict(objective)}
