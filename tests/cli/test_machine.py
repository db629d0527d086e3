from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import cli.machine
import runners.hardware
from cli.finding import Finding
from cli.machine import machine, threads, variables
from runners.hardware import Hardware, resolve_hardware

TRAINER = {"device": "cpu", "dtype": "auto", "threads": 1}


def looked(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    rates: Mapping[str, float] | None = None,
    **trainer: Any,
) -> dict[str, Finding]:
    given = rates or {"float32": 100e9, "bfloat16": 40e9}
    monkeypatch.setattr(runners.hardware, "matrix_rates", lambda device, seconds=0.0: dict(given))
    settings = {"trainer": {**TRAINER, **trainer}, "workers": 0}
    return {found.what: found for found in machine(settings, tmp_path)}


def test_it_tells_what_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = looked(monkeypatch, tmp_path)
    assert "core(s), load" in found["processor"].value
    assert found["memory"].value.endswith("B free")
    assert "float32 100 GFLOP/s, bfloat16 40 GFLOP/s" in found["speed, 1 thread(s)"].value
    assert not any(each.stops for each in found.values())
    assert not list(tmp_path.iterdir())  # it only looks


def test_where_bfloat16_does_not_pay_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = looked(monkeypatch, tmp_path, dtype="bfloat16")["dtype"]
    assert slow.mark == "note"
    assert "0.4 times as fast as float32, 1.3 are wanted: trainer.dtype=auto" in slow.advice
    fast = looked(monkeypatch, tmp_path, {"float32": 100e9, "bfloat16": 200e9})
    assert "auto takes bfloat16" in fast["speed, 1 thread(s)"].value
    assert "dtype" not in fast


def test_what_auto_was_at_the_first_run_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fast = {"float32": 1.0, "bfloat16": 2.0}
    monkeypatch.setattr(runners.hardware, "matrix_rates", lambda device, seconds=0.0: fast)
    resolve_hardware(Hardware(device="cpu", threads=1), tmp_path, weights=1)
    told = looked(monkeypatch, tmp_path)["speed, 1 thread(s)"].value
    assert "auto takes bfloat16 (as at the first run here)" in told


def test_a_gpu_that_is_asked_for_and_not_there_stops_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = looked(monkeypatch, tmp_path, device="cuda")
    assert found["gpu"].stops
    assert "trainer.device=cpu" in found["gpu"].advice
    assert not any(what.startswith("speed") for what in found)
    assert not looked(monkeypatch, tmp_path)["gpu"].stops


def test_gpus_are_told_with_their_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index=0: "H100")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: ((70e9, 2e9)[index], 80e9))
    found = looked(monkeypatch, tmp_path, device="auto")
    assert found["gpu 0"].value == "H100, 70 GB of 80 GB free"
    assert (found["gpu 0"].mark, found["gpu 1"].mark) == ("ok", "note")
    assert "speed" in found  # of the GPU, whatever the threads


@pytest.mark.parametrize(
    ("asked", "workers", "advice"),
    [
        (0, 0, ""),
        (2, 0, ""),
        (1, 2, ""),
        (4, 0, "4 threads on 2 core(s) wait for each other: trainer.threads=0"),
        (2, 3, "6 threads on 2 core(s) wait for each other: trainer.threads=0 workers=0"),
        (0, 3, "3 threads on 2 core(s) wait for each other: workers=0"),
    ],
)
def test_more_threads_than_cores(asked: int, workers: int, advice: str) -> None:
    assert threads(asked, workers, usable=2).advice == advice


@pytest.mark.parametrize(
    ("files", "granted"),
    [
        ({"cpu.max": "50000 100000\n"}, True),
        ({"cpu.max": "max 100000\n"}, False),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, True),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, False),
        ({}, False),
    ],
)
def test_a_container_that_has_less_time_than_cores(
    files: dict[str, str], granted: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(cli.machine, "CONTROL", tmp_path)
    advice = looked(monkeypatch, tmp_path / "none")["processor"].advice
    assert ("the time of 0.5 core(s)" in advice) == granted


def test_a_container_with_little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("1500000000\n")
    monkeypatch.setattr(cli.machine, "CONTROL", tmp_path)
    memory = looked(monkeypatch, tmp_path / "none")["memory"]
    assert memory.value == "1.5 GB of 3 GB free"
    assert memory.mark == "note"


def test_variables_that_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in cli.machine.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (none,) = variables()
    assert none.value.startswith("none of OMP_NUM_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    found = {each.what: each for each in variables()}
    assert "export OMP_NUM_THREADS=" in found["OMP_NUM_THREADS"].advice
    assert "unset it" in found["CUDA_VISIBLE_DEVICES"].advice
    assert found["MKL_NUM_THREADS"].mark == "ok"
