"""Every value in one table: a row each, with the settings that were swept as columns."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.record import RunRecord
from results.settings import Flat, differing, measure_settings, training_settings
from results.text import encodable


def tidy(records: Sequence[RunRecord]) -> pd.DataFrame:
    """One row a value: run, model, objective, dataset, seed, budget, step, measure, metric, value.

    Settings that differ between runs have a column each, under their dotted name: an objective's
    own where two runs of that objective differ in it, all others where any two runs do. So have
    settings of a probe or a loss column that runs differ in, under `measure.NAME`.
    """
    settings = {record.name: training_settings(record) for record in records}
    swept = _swept(records, settings)
    taken = _taken(records)
    rows = [
        {
            "run": record.name,
            "kind": record.kind,
            "status": record.status,
            "model": record.stratum.get("model", ""),
            "objective": value.row or record.objective,
            "dataset": record.corpus.label,
            "data": record.corpus.fingerprint[:12],
            "seed": record.seed,
            "budget": record.stratum.get("budget", ""),
            **{name: settings[record.name].get(name) for name in swept},
            "step": record.training.ledger.steps if record.training else 0,
            "measure": value.measure,
            "metric": value.metric,
            "value": value.value,
            "note": value.note,
            **taken.get((record.name, value.measure), {}),
        }
        for record in records
        for value in record.values
    ]
    return pd.DataFrame(
        [{_encodable(name): _encodable(value) for name, value in row.items()} for row in rows]
    )


def _taken(records: Sequence[RunRecord]) -> dict[tuple[str, str], Flat]:
    """By record and measure, the settings of the measure in which records differ."""
    by_measure: dict[str, dict[str, Flat]] = {}
    for record in records:
        for value in record.values:
            own = by_measure.setdefault(value.measure, {})
            own.setdefault(record.name, measure_settings(record, value.measure))
    return {
        (record, measure): {f"measure.{name}": settings.get(name) for name in names}
        for measure, own in by_measure.items()
        if (names := differing(list(own.values())))
        for record, settings in own.items()
    }


def _encodable(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


def _swept(records: Sequence[RunRecord], settings: dict[str, Flat]) -> list[str]:
    runs = [record for record in records if record.kind == "run"]
    names = {
        name
        for name in differing([settings[record.name] for record in runs])
        if not name.startswith(("objective.", "budget."))
    }
    for objective in {record.objective for record in runs}:
        alike = [settings[record.name] for record in runs if record.objective == objective]
        names |= {name for name in differing(alike) if name.startswith("objective.")}
    return sorted(names)
