"""Processes that help, on jobs and commands that are made up."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import cli.workers
from cli.workers import deserted, helped, is_worker, wanted


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
    assert wanted(jobs(device="cuda"), 20) == 1
    assert wanted(jobs(workers=4, threads=8), 20) == 4


def test_helpers_are_marked_interrupted_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where their sweep is left by an interrupt, they may not go on alone."""
    script = (
        "import os, signal, sys, time\n"
        # A shell that puts the tests into the background has them ignore interrupts.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print(os.environ['COMPARE_WORKER'], sys.argv[1:], flush=True)\n"
        "try: time.sleep(60)\nexcept KeyboardInterrupt: print('interrupted')"
    )
    monkeypatch.setattr(cli.workers, "COMMAND", [sys.executable, "-c", script])
    texts = [tmp_path / f"worker-{number}.log" for number in (2, 3)]

    def leave() -> None:
        with helped([Path("a.json")], 3, tmp_path):
            deadline = time.monotonic() + 30
            while not all(text.read_text() for text in texts) and time.monotonic() < deadline:
                time.sleep(0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    for number, text in zip((2, 3), texts, strict=True):
        assert text.read_text() == f"{number} ['job', 'a.json']\ninterrupted\n"


def test_helpers_that_ignore_interrupts_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a command that a script put into the background."""
    script = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    script += "print('began', flush=True); time.sleep(60)"
    monkeypatch.setattr(cli.workers, "COMMAND", [sys.executable, "-c", script])
    monkeypatch.setattr(cli.workers, "PATIENCE", 0.2)
    with helped([Path("a.json")], 2, tmp_path):
        began = time.monotonic()
        while not (tmp_path / "worker-2.log").read_text() and time.monotonic() < began + 30:
            time.sleep(0.05)
    assert time.monotonic() < began + 40


def test_one_process_starts_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started"))
    with helped([Path("a.json")], 1, tmp_path):
        pass


def test_a_helper_ends_when_nobody_is_left_to_help(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getppid()
    assert not is_worker()
    assert not deserted(parent)
    monkeypatch.setenv("COMPARE_WORKER", "2")
    assert is_worker()
    assert not deserted(parent)
    assert deserted(parent + 1)
