"""Measurements kept beside the model they were taken of, so that none is taken twice."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from results.integrity import read_sealed, write_sealed
from results.record import Metric
from runners.measures.measurement import Measurement


def measured(
    folder: Path, name: str, compute: Callable[[], list[Measurement]], wait: bool = True
) -> list[Measurement] | None:
    """The measurements of that name, taken now or read back; damaged ones are taken again.

    Args:
        folder: of the model.
        name: a file name that says what was measured, how and on what (a hash).
        compute: takes them.
        wait: for another process that is taking them.

    Returns:
        None where another process is taking them and is not waited for.
    """
    file = folder / "measures" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file.with_suffix(".lock"), blocking=wait):
            there = read_sealed(file)
            if there is not None:
                return [_from_json(entry) for entry in there]
            found = compute()
            write_sealed(file, [_to_json(measurement) for measurement in found])
            return found
    except Timeout:
        return None


def _to_json(measurement: Measurement) -> dict[str, Any]:
    examples = measurement.examples
    return {
        "metric": asdict(measurement.metric),
        "value": measurement.value,
        "note": measurement.note,
        "examples": None if examples is None else examples.to_dict(orient="list"),
        "exhibits": list(measurement.exhibits),
        "options": dict(measurement.options),
        "reads": measurement.reads,
    }


def _from_json(entry: dict[str, Any]) -> Measurement:
    examples = None if entry["examples"] is None else pd.DataFrame(entry["examples"])
    exhibits = tuple(entry["exhibits"])
    metric = Metric(**entry["metric"])
    return Measurement(**{**entry, "metric": metric, "examples": examples, "exhibits": exhibits})
