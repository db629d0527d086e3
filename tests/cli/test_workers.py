"""What a process that a sweep started does for it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

import cli.workers
from cli.workers import Told, is_worker, wanted


@dataclass(frozen=True)
class Job:
    config: Any


def jobs(*, workers: int = 0, threads: int = 1, device: str = "cpu") -> Any:
    trainer = SimpleNamespace(threads=threads, device=device)
    return [Job(SimpleNamespace(workers=workers, trainer=trainer))]


def test_as_many_jobs_as_the_cores_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert wanted(jobs(), 20) == 8
    assert wanted(jobs(threads=3), 20) == 2
    assert wanted(jobs(threads=8), 20) == 1
    assert wanted(jobs(), 3) == 3  # no process without a job
    assert wanted(jobs(), 0) == 1
    assert wanted(jobs(workers=4, threads=8), 20) == 4


def test_one_job_for_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 3,GPU-5")
    assert wanted(jobs(device="cuda"), 20) == 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert wanted(jobs(device="cuda"), 20) == 1


def test_what_is_told_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    monkeypatch.setenv("COMPARE_EVENTS", str(write))
    monkeypatch.setattr(cli.workers, "EVENT_SECONDS", 3600)
    told = Told()
    told.job(2, 3, "mlm")
    told.stage("pretraining\nhere")
    told.step(0.5, loss=1.5, rate=10.0)
    told.step(0.6)  # too soon after the last
    told.say("an [odd] line")
    told.no_job()
    lines = [json.loads(line) for line in os.read(read, 10_000).decode().splitlines()]
    assert [line["event"] for line in lines] == ["job", "stage", "step", "say", "no_job"]
    assert lines[1]["name"] == "pretraining\nhere"
    assert lines[2] == {"event": "step", "fraction": 0.5, "loss": 1.5, "rate": 10.0}
    os.close(read)
    for _ in range(3):
        told.say("to nobody")  # whose process is gone
    told.no_job()
    os.close(write)


def test_a_worker_ends_when_its_sweep_is_gone() -> None:
    script = (
        "import time, cli.workers, signal, sys\n"
        "cli.workers.PATIENCE = 60\n"
        "cli.workers.end_with_parent()\n"
        "print('began', flush=True)\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "began\n"
    assert process.poll() is None
    process.stdin.close()  # as the system does when the other process ends, however it ends
    assert process.wait(20) in (-15, 143)
    process.stdout.close()


def test_who_is_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_worker()
    monkeypatch.setenv("COMPARE_WORKER", "2")
    assert is_worker()
