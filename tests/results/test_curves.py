import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from made_records import add_baselines, add_run, answers, rewrite

from results.comparison import StoredRun, Stratum, strata
from results.curves import loss_curves
from results.record import RunRecord
from results.store import ResultStore
from results.writers.plots import plot_curves

POINTS = [
    {"step": 1, "tokens": 10, "flops": 1e3, "seconds": 0.5, "loss": 9.0, "held_out": 9.5},
    {"step": 2, "tokens": 20, "flops": 2e3, "seconds": 1.0, "loss": 8.0},
]


def trained(store: ResultStore, record: RunRecord, points: list[dict[str, Any]]) -> RunRecord:
    lines = "".join(json.dumps(point) + "\n" for point in points)
    rewrite(store.folder / record.name / "curve.jsonl", lines)
    return record


def compared(store: ResultStore, *records: RunRecord) -> Stratum:
    (stratum,) = strata([StoredRun(record, store) for record in records])
    return stratum


def test_every_point_stands_on_every_axis(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    records = [
        trained(store, add_run(store, "clm", answers(0.5), seed=seed), POINTS) for seed in (0, 1)
    ]
    chart = loss_curves(compared(store, *records))
    assert chart is not None
    assert chart.axes == ["corpus tokens", "training FLOPs", "seconds"]
    assert chart.shown == 1  # the budget is one of FLOPs
    (panel,) = chart.panels
    assert panel.measures == ["training", "held-out"]
    assert [curve.label for curve in panel.curves] == ["clm, seed 0", "clm, seed 1"]
    assert panel.curves[0].points == [[10, 1e3, 0.5, 9.0, 9.5], [20, 2e3, 1.0, 8.0, None]]


def test_an_objective_has_a_panel_and_simple_methods_are_levels(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    records = [
        trained(store, add_run(store, "clm", answers(0.5), nats={"clm": 5.0}), POINTS),
        trained(store, add_run(store, "mlm", answers(0.5), nats={"mlm": 5.0}), POINTS),
        add_baselines(store, words=answers(0.5)),
    ]
    chart = loss_curves(compared(store, *records))
    assert chart is not None
    clm, mlm = chart.panels
    assert (clm.title, mlm.title) == ("clm", "mlm")
    assert clm.levels == {"uniform": 6.2, "unigram": 5.9}
    assert mlm.levels == {"unigram": 6.0}
    assert clm.curves[0].group != mlm.curves[0].group


def test_a_training_loss_of_another_kind_is_not_drawn(tmp_path: Path) -> None:
    """Sentinels are easy: with them a model seems better than word frequencies that it is above."""
    store = ResultStore(tmp_path)
    record = trained(store, add_run(store, "clm", answers(0.5), nats={"clm": 5.0}), POINTS)
    for sentinels in (False, True):
        own = replace(record, traits={**record.traits, "sentinels": sentinels})
        stratum = compared(store, own)
        chart = loss_curves(stratum)
        assert chart is not None
        (panel,) = chart.panels
        drawing = tmp_path / "curves.svg"
        plot_curves(stratum, drawing)
        assert ("training" in panel.measures) is not sentinels
        assert (">training<" in drawing.read_text()) is not sentinels
        assert panel.quantity.endswith(" of text") is sentinels
        assert panel.curves[0].points[0] == [10, 1e3, 0.5, *([] if sentinels else [9.0]), 9.5]


def test_only_axes_that_all_runs_know(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    without = [{key: point[key] for key in ("tokens", "loss")} for point in POINTS]
    records = [
        trained(store, add_run(store, "clm", answers(0.5)), POINTS),
        trained(store, add_run(store, "mlm", answers(0.5)), without),
    ]
    chart = loss_curves(compared(store, *records))
    assert chart is not None
    assert chart.axes == ["corpus tokens"]
    nothing = [{"loss": 1.0}]
    assert loss_curves(compared(store, trained(store, records[1], nothing))) is None


def test_losses_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    points = [{**POINTS[0], "loss": float("nan")}, {**POINTS[1], "loss": float("inf")}]
    chart = loss_curves(
        compared(store, trained(store, add_run(store, "clm", answers(0.5)), points))
    )
    assert chart is not None
    assert [point[3] for point in chart.panels[0].curves[0].points] == [None, None]
