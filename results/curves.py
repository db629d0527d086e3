"""Loss curves as data: every point of every run, over each axis that all of them know."""

import math
from collections.abc import Sequence

from results.comparison import Stratum
from results.page import Chart, Curve, Panel
from results.rows import Row, StoredRun
from results.titles import quantity_of

AXES = {"tokens": "corpus tokens", "flops": "training FLOPs", "seconds": "seconds"}
"""What a curve can be drawn over, by its column."""

HELD_OUT = "held_out"
"""Begins the column of a loss on held-out text; of a fusion the name of a part follows."""

LEVELS = ("uniform", "unigram")
"""Simple methods whose loss is a line across."""


def loss_curves(stratum: Stratum) -> Chart | None:
    """A panel for every objective, since losses of unlike units share no axis.

    Returns:
        The chart, or None where the runs share no axis.
    """
    by_objective: dict[str, list[Row]] = {}
    for row in stratum.models:
        by_objective.setdefault(row.objective, []).append(row)
    runs = [_run(row, place) for row in stratum.models for place in range(len(row.models))]
    columns = [axis for axis in AXES if all(axis in run.curve for run in runs)]
    if not columns:
        return None
    budget = stratum.record.config["budget"]["unit"]
    return Chart(
        axes=[AXES[column] for column in columns],
        shown=columns.index(budget) if budget in columns else 0,
        panels=[_panel(stratum, name, rows, columns) for name, rows in by_objective.items()],
    )


def _panel(stratum: Stratum, name: str, rows: list[Row], axes: Sequence[str]) -> Panel:
    held_out = dict.fromkeys(
        str(column)
        for row in rows
        for place in range(len(row.models))
        for column in _run(row, place).curve.columns
        if str(column).startswith(HELD_OUT)
    )
    trained = ["loss"] if draws_training(rows) else []
    colours = rows if len(rows) > 1 else stratum.models
    curves = [
        Curve(
            f"{row.label}, seed {model.seed}",
            colours.index(row),
            _points(_run(row, place), [*axes, *trained, *held_out]),
        )
        for row in rows
        for place, model in enumerate(row.models)
    ]
    measure = f"loss {name}"
    levels = {}
    for method in LEVELS:
        baseline = stratum.baseline(method)
        estimate = stratum.estimate(baseline, measure, "nats") if baseline else None
        if baseline and estimate:
            levels[baseline.label] = estimate.value
    return Panel(
        title=name,
        quantity=axis_of(stratum, rows, measure),
        measures=[
            *(["training"] if trained else []),
            *(column.replace("_", "-", 1) for column in held_out),
        ],
        curves=curves,
        levels=levels,
    )


def draws_training(rows: Sequence[Row]) -> bool:
    """Whether the training loss is of the same kind as what else is drawn of an objective.

    Easy targets that stand for no text would take it below the level of word frequencies.
    """
    return not any(row.record.traits.get("sentinels") for row in rows)


def axis_of(stratum: Stratum, rows: Sequence[Row], measure: str) -> str:
    """What an objective's curves are in."""
    quantity = quantity_of(stratum, measure)
    return quantity if draws_training(rows) else f"{quantity} of text"


def _run(row: Row, place: int) -> StoredRun:
    return row.models[place].runs[0]


def _points(run: StoredRun, columns: Sequence[str]) -> list[list[float | None]]:
    rows = run.curve.reindex(columns=list(columns)).itertuples(index=False, name=None)
    return [[_known(value) for value in row] for row in rows]


def _known(value: object) -> float | None:
    number = math.nan if value is None else float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
