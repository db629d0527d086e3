"""Offline runs of Weights & Biases, read back record by record, hold what the record holds."""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_records import add_run, answers, rewrite

from results.store import ResultStore
from results.trackers.tracked import TrackedRun, tracked_run
from results.trackers.weights_and_biases import mode, offline_folders, run_id, write_wandb

pytest.importorskip("wandb", reason="wandb is not installed")

BLOCK = 32768


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the user's is read."""
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # where nobody answers


def records_of(folder: Path) -> Iterator[Any]:
    """Of a .wandb file, which is LevelDB's log: pieces with a head of 7 bytes, in blocks."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("*.wandb")
    content, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if BLOCK - place % BLOCK < 7:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or its last piece
            yield Record.FromString(whole)
            whole = b""


def read(folder: Path) -> tuple[Any, dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """The run, its configuration, its history and its summary."""
    run, config, history, summary = None, {}, [], {}
    for record in records_of(folder):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            config = {each.key: json.loads(each.value_json) for each in run.config.update}
        elif kind == "history":
            history.append({named(i): json.loads(i.value_json) for i in record.history.item})
        elif kind == "summary":
            summary |= {named(i): json.loads(i.value_json) for i in record.summary.update}
    return run, config, history, summary


def named(item: Any) -> str:
    return item.key or "/".join(item.nested_key)


def written(folder: Path, run: TrackedRun, project: str = "mine") -> list[Path]:
    return offline_folders(folder, run_id(run, project))


def test_what_is_read_back_is_the_record(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    record = add_run(store, "mlm", answers(0.6), seed=2, nats={"mlm": 2.5})
    run = tracked_run(record, store)
    assert write_wandb(run, tmp_path, "mine") == "logged"
    (folder,) = written(tmp_path, run)
    found, config, history, summary = read(folder)
    assert (found.display_name, found.project, found.run_group) == (record.name, "mine", "mlm")
    assert sorted(found.tags) == sorted(f"{name}={value}" for name, value in run.tags.items())
    own = json.loads(json.dumps({**record.config, "record": str(run.file)}))
    assert {name: config[name] for name in own} == own
    curve = store.curve(record.name)
    assert [point["_step"] for point in history] == curve["step"].tolist()
    assert [point["loss/training"] for point in history] == curve["loss"].tolist()
    assert [point["loss/held_out"] for point in history] == curve["held_out"].tolist()
    assert [point["spent/flops"] for point in history] == curve["flops"].tolist()
    assert {name: summary[name] for name in run.numbers} == run.numbers


def test_the_same_run_is_written_once_and_an_interrupted_one_again(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    run = tracked_run(add_run(store, "mlm", answers(0.6)), store)
    assert write_wandb(run, tmp_path, "mine") == "logged"
    (folder,) = written(tmp_path, run)
    before = (folder / f"run-{run_id(run, 'mine')}.wandb").read_bytes()
    assert write_wandb(run, tmp_path, "mine") == "there already"
    assert (folder / f"run-{run_id(run, 'mine')}.wandb").read_bytes() == before
    (tmp_path / "wandb" / "tracked" / "mine" / "offline" / f"{run.name}.json").unlink()
    assert write_wandb(run, tmp_path, "mine") == "logged"
    assert len(written(tmp_path, run)) == 1
    assert write_wandb(run, tmp_path, "another") == "logged"


@pytest.mark.parametrize("uploaded", [False, True])
def test_a_run_that_failed_and_went_on_is_one_run(tmp_path: Path, uploaded: bool) -> None:
    """Before it was uploaded the whole anew; after that the rest, under the same name."""
    store = ResultStore(tmp_path)
    failed = add_run(store, "mlm", answers(0.6), status="failed")
    file = store.folder / failed.name / "curve.jsonl"
    rewrite(file, "".join(file.read_text().splitlines(keepends=True)[:4]))
    run = tracked_run(failed, store)
    assert write_wandb(run, tmp_path, "mine") == "logged"
    (first,) = written(tmp_path, run)
    if uploaded:
        target = first.with_name(first.name.replace("-run-2", "-run-1"))  # an earlier second
        first = first.rename(target)
        next(first.glob("*.wandb")).with_suffix(".wandb.synced").touch()  # as `wandb sync` does
    whole = tracked_run(add_run(store, "mlm", answers(0.6)), store)
    assert whole.name == run.name
    assert write_wandb(whole, tmp_path, "mine") == "continued"
    folders = written(tmp_path, whole)
    steps = [[point["_step"] for point in read(each)[2]] for each in folders]
    assert steps == ([[1, 2, 3, 4], [5, 6, 7, 8, 9, 10]] if uploaded else [list(range(1, 11))])
    assert read(folders[-1])[3]["probe task/accuracy"] == pytest.approx(0.6)
    assert {read(each)[0].run_id for each in folders} == {run_id(run, "mine")}


def test_offline_the_service_is_told_to_report_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wandb.sdk.lib.service import service_process

    started: list[list[str]] = []
    real = service_process.subprocess.Popen

    def spy(arguments: list[str], **options: Any) -> Any:
        started.append(arguments)
        return real(arguments, **options)

    monkeypatch.setattr(service_process.subprocess, "Popen", spy)
    monkeypatch.delenv("WANDB_ERROR_REPORTING", raising=False)
    store = ResultStore(tmp_path)
    write_wandb(tracked_run(add_run(store, "mlm", answers(0.6)), store), tmp_path, "mine")
    assert any("--no-observability" in arguments for arguments in started)
    assert "WANDB_ERROR_REPORTING" not in os.environ


def test_only_on_line_or_off() -> None:
    assert mode({}) == "offline"
    assert mode({"WANDB_MODE": "online"}) == "online"
    with pytest.raises(ValueError, match="WANDB_MODE=disabled"):
        mode({"WANDB_MODE": "disabled"})
