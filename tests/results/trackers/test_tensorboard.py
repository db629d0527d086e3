"""Event files read back by TensorBoard itself hold what the record holds."""

from pathlib import Path
from typing import Any

import pytest
from made_records import add_run, answers, rewrite

from results.settings import flat
from results.store import ResultStore
from results.trackers.tensorboard import write_tensorboard
from results.trackers.tracked import tracked_run

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def read(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


def hparams(events: Any, tag: str) -> Any:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    return HParamsPluginData.FromString(events.SummaryMetadata(tag).plugin_data.content)


def test_what_is_read_back_is_the_record(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    record = add_run(store, "mlm", answers(0.6), seed=2, nats={"mlm": 2.5})
    run = tracked_run(record, store)
    assert write_tensorboard(run, tmp_path / "board") == "logged"
    events = read(tmp_path / "board" / record.name)
    curve = store.curve(record.name)
    for tag, column in {
        "loss/training": "loss",
        "loss/held_out": "held_out",
        "spent/flops": "flops",
        "spent/progress": "progress",
    }.items():
        found = events.Scalars(tag)
        assert [event.step for event in found] == curve["step"].tolist()
        assert [event.value for event in found] == pytest.approx(curve[column].tolist(), rel=1e-6)
    series = {name for point in run.points.values() for name in point}
    assert set(events.Tags()["scalars"]) == series | set(run.numbers)
    for name, value in run.numbers.items():
        (event,) = events.Scalars(name)
        assert (event.step, event.value) == (10, pytest.approx(value, rel=1e-6))
    started = hparams(events, "_hparams_/session_start_info").session_start_info
    assert started.group_name == record.name
    assert set(started.hparams) == {
        *flat(record.config),
        *(f"tag/{name}" for name in run.tags),
        "tag/record",
    }
    assert started.hparams["seed"].number_value == 2
    assert started.hparams["objective.name"].string_value == "mlm"
    assert started.hparams["tag/record"].string_value == str(run.file)
    assert hparams(events, "_hparams_/session_end_info").session_end_info.status == 1  # success


def test_the_same_run_is_written_once(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    run = tracked_run(add_run(store, "mlm", answers(0.6)), store)
    assert write_tensorboard(run, tmp_path / "board") == "logged"
    before = {file: file.read_bytes() for file in (tmp_path / "board" / run.name).iterdir()}
    assert write_tensorboard(run, tmp_path / "board") == "there already"
    assert before == {file: file.read_bytes() for file in (tmp_path / "board" / run.name).iterdir()}
    (tmp_path / "board" / run.name / "tracked.json").unlink()  # as where writing was interrupted
    assert write_tensorboard(run, tmp_path / "board") == "logged"
    assert len(read(tmp_path / "board" / run.name).Scalars("loss/training")) == 10


def test_a_run_that_failed_and_went_on_is_one_run(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    failed = add_run(store, "mlm", answers(0.6), status="failed")
    file = store.folder / failed.name / "curve.jsonl"
    whole = file.read_text()
    rewrite(file, "".join(whole.splitlines(keepends=True)[:4]))
    assert write_tensorboard(tracked_run(failed, store), tmp_path / "board") == "logged"
    events = read(tmp_path / "board" / failed.name)
    assert len(events.Scalars("loss/training")) == 4
    assert hparams(events, "_hparams_/session_end_info").session_end_info.status == 2  # failure
    assert "probe task/accuracy" not in events.Tags()["scalars"]
    finished = add_run(store, "mlm", answers(0.6))
    assert finished.name == failed.name
    assert write_tensorboard(tracked_run(finished, store), tmp_path / "board") == "continued"
    events = read(tmp_path / "board" / failed.name)
    assert [event.step for event in events.Scalars("loss/training")] == list(range(1, 11))
    assert len(events.Scalars("probe task/accuracy")) == 1
