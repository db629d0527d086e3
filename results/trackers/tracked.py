"""What a tracker is told of a run, and the note by which it is not told twice."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from results.comparison import strata
from results.curves import HELD_OUT
from results.record import RunRecord
from results.rows import StoredRun
from results.statistics import Estimate
from results.store import ResultStore

Point = dict[str, float]
"""A series' name and its value at one step; `step` itself is not among them."""

Done = Literal["logged", "continued", "there already"]

LAYOUT = 1
"""Raised whenever what is written of a run changes, so that it is written again."""


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """All that is written of one run, whatever the tracker.

    Attributes:
        record: of the run.
        file: of the record, to which every figure leads back.
        points: of the training curve by step: `loss/training` and `loss/held_out` in the
            objective's unit, `learning_rate`, `spent/tokens`, `spent/flops`, `spent/seconds`.
        values: of a finished run every measured value with its interval over test examples, by
            `probe retrieval/mrr`.
        digest: of the record and the curve; another one means that there is more to write.
    """

    record: RunRecord
    file: Path
    points: Mapping[int, Point]
    values: Mapping[str, Estimate]
    digest: str

    @property
    def name(self) -> str:
        """Of the record, and of the run in the tracker."""
        return self.record.name

    @property
    def tags(self) -> dict[str, str]:
        """What a run is found by: objective, seed, data fingerprint, code version, status."""
        return {
            "objective": self.record.objective,
            "seed": str(self.record.seed),
            "data": self.record.corpus.fingerprint[:12],
            "source": self.record.environment.get("source", "")[:12],
            "status": self.record.status,
        }

    @property
    def costs(self) -> dict[str, float]:
        """What was spent in all, by `spent in all/tokens`; empty where the training failed."""
        training = self.record.training
        spent = asdict(training.ledger) if training else {}
        return {f"spent in all/{name}": float(value) for name, value in spent.items()}

    @property
    def numbers(self) -> dict[str, float]:
        """Every value under its name, its limits under `NAME, low` and `NAME, high`; costs."""
        found: dict[str, float] = {}
        for name, estimate in self.values.items():
            limits = {
                name: estimate.value,
                f"{name}, low": estimate.low,
                f"{name}, high": estimate.high,
            }
            found |= {key: value for key, value in limits.items() if value is not None}
        return found | self.costs

    @property
    def last_step(self) -> int:
        """Of the curve; 0 without one."""
        return max(self.points, default=0)


def tracked_run(record: RunRecord, store: ResultStore) -> TrackedRun:
    """What there is to write of a trained run.

    Raises:
        ValueError: its curve or its examples are missing or damaged.
    """
    folder = store.folder / record.name
    points: dict[int, Point] = {}
    for row in store.curve(record.name).to_dict("records"):
        known = {str(name): float(value) for name, value in row.items() if _is_known(value)}
        step = int(known.pop("step"))
        points[step] = {_series(name): value for name, value in known.items()}
    content = [(folder / name).read_bytes() for name in ("record.json", "curve.jsonl")]
    return TrackedRun(
        record=record,
        file=(folder / "record.json").resolve(),
        points=points,
        values=_values(StoredRun(record, store)),
        digest=hashlib.sha256(b"\n".join([str(LAYOUT).encode(), *content])).hexdigest(),
    )


def package(name: str, *, extra: str) -> ModuleType:
    """A module of a tracker's package.

    Raises:
        ValueError: it is not installed; the message says how it would be.
    """
    whole = name.partition(".")[0]
    try:
        import_module(whole)
    except ModuleNotFoundError as error:
        if error.name != whole:
            raise
        raise ValueError(
            f"the package {extra} is not installed; in the folder of this project "
            f"`pip install --constraint constraints.txt --editable '.[{extra}]'` brings it"
        ) from error
    return import_module(name)


def read_note(file: Path) -> dict[str, Any]:
    """What was written of a run before; a missing or damaged note is none, and all is anew."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_note(file: Path, run: TrackedRun) -> None:
    """Note that all of a run is written; the note is whole or not there at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    work = file.with_name(f".{file.name}.{os.getpid()}")
    work.write_text(json.dumps({"digest": run.digest, "last_step": run.last_step}))
    os.replace(work, file)


def began(run: TrackedRun) -> float:
    """About when the training began, in seconds since 1970: when it was recorded, less its length.

    Measuring lies between the two, so only distances between points are exact.
    """
    try:
        made = datetime.fromisoformat(run.record.created).timestamp()
    except ValueError:
        made = 0.0
    return max(made - run.costs.get("spent in all/seconds", 0.0), 0.0)


def _values(run: StoredRun) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for stratum in strata([run]):
        for row in stratum.models:  # none of a failed run
            for measure, metric in stratum.measures(""):
                estimate = stratum.estimate(row, measure, metric)
                if estimate is not None:
                    found[f"{measure}/{metric}"] = estimate
    return found


def _series(column: str) -> str:
    if column == "loss":
        return "loss/training"
    if column.startswith(HELD_OUT):
        return f"loss/{column}"
    return column if column == "learning_rate" else f"spent/{column}"


def _is_known(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
