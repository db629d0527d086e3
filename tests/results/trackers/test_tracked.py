"""What is told of a run is what its record and its curve say."""

import sys
from pathlib import Path

import numpy as np
import pytest
from made_records import CORPUS, add_run, answers, rewrite

from results.store import ResultStore
from results.trackers.tracked import began, package, read_note, tracked_run, write_note


def test_a_run_is_told_as_its_record_says(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    record = add_run(store, "mlm", answers(0.6), seed=3, nats={"mlm": 2.5}, source="abc")
    run = tracked_run(record, store)
    assert run.file == (tmp_path / "runs" / record.name / "record.json").resolve()
    curve = store.curve(record.name)
    assert list(run.points) == curve["step"].tolist()
    assert [p["loss/training"] for p in run.points.values()] == curve["loss"].tolist()
    assert [p["loss/held_out"] for p in run.points.values()] == curve["held_out"].tolist()
    assert [p["spent/flops"] for p in run.points.values()] == curve["flops"].tolist()
    estimate = run.values["probe task/accuracy"]
    assert estimate.value == pytest.approx(0.6)
    assert estimate.low is not None
    assert estimate.high is not None
    half = 1.96 * np.sqrt(0.6 * 0.4 / 400)  # of a share of 400 answers
    assert estimate.high - estimate.value == pytest.approx(half, rel=0.1)
    assert run.numbers["probe task/accuracy, low"] == estimate.low
    assert run.numbers["loss mlm/nats"] == 2.5
    assert run.numbers["spent in all/flops"] == 1e12
    assert run.tags == {
        "objective": "mlm",
        "seed": "3",
        "data": CORPUS.fingerprint[:12],
        "source": "abc",
        "status": "finished",
    }
    assert began(run) == 1767225600.0 - 3.0  # its record, less what training took


def test_points_without_a_held_out_loss_have_none(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    record = add_run(store, "mlm", answers(0.6))
    file = store.folder / record.name / "curve.jsonl"
    rewrite(file, '{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0, "held_out clm": 3.0}\n')
    assert tracked_run(record, store).points == {
        1: {"loss/training": 2.0},
        2: {"loss/training": 1.0, "loss/held_out clm": 3.0},
    }


def test_a_failed_run_has_no_values_and_no_curve_maybe(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    record = add_run(store, "mlm", answers(0.6), status="failed")
    rewrite(store.folder / record.name / "curve.jsonl", "")
    run = tracked_run(record, store)
    assert (run.points, run.values, run.last_step) == ({}, {}, 0)
    assert run.tags["status"] == "failed"


def test_a_missing_curve_is_said(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    record = add_run(store, "mlm", answers(0.6))
    (store.folder / record.name / "curve.jsonl").unlink()
    with pytest.raises(ValueError, match=r"curve\.jsonl is missing"):
        tracked_run(record, store)


def test_a_note_is_read_back_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "out")
    run = tracked_run(add_run(store, "mlm", answers(0.6)), store)
    file = tmp_path / "notes" / "a.json"
    assert read_note(file) == {}
    write_note(file, run)
    assert read_note(file) == {"digest": run.digest, "last_step": 10}
    assert [each.name for each in file.parent.iterdir()] == ["a.json"]
    file.write_text("{")
    assert read_note(file) == {}


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ValueError, match=r"tensorboard is not installed; .*'\.\[tensorboard\]'"):
        package("tensorboard.summary", extra="tensorboard")
    assert package("json", extra="none").loads("1") == 1
