"""Processes that end in every way, on jobs that are made up."""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import cli.crew
from cli.claims import claims
from cli.crew import Crew
from cli.main import UsageError
from cli.progress import Display

SCRIPT = """
import ctypes, json, os, signal, sys, time
folder, *jobs = sys.argv[1], *sys.argv[3:]
signal.signal(signal.SIGINT, signal.default_int_handler)

def tell(**event):
    os.write(int(os.environ["COMPARE_EVENTS"]), (json.dumps(event) + "\\n").encode())

for number, name in enumerate(jobs, start=1):
    try:
        os.rename(f"{folder}/{name}", f"{folder}/{name}.taken")
    except FileNotFoundError:
        continue
    claim = f"{folder}/locks/{name}.json"
    with open(claim, "w") as file:
        json.dump({"name": name, "process": os.getpid(), "host": "h", "began": 0, "beat": 0,
                   "sweep": os.environ["COMPARE_SWEEP"], "stage": "work", "fraction": 0}, file)
    tell(event="job", number=number, total=len(jobs), name=name)
    tell(event="stage", name="work")
    if name == "exits":
        sys.exit(3)
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "segfaults":
        ctypes.string_at(0)
    if name == "half a line":
        os.write(int(os.environ["COMPARE_EVENTS"]), b'{"event": "st')
        os.abort()
    if name.startswith("hangs"):
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            open(f"{folder}/interrupted", "w").close()
            raise
    if name == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    open(f"{folder}/{name}.done", "w").close()
    os.unlink(claim)
"""


@dataclass
class Study:
    """A crew whose processes take made jobs from a folder."""

    folder: Path
    failed: dict[str, str] = field(default_factory=dict)

    def readable(self, name: str) -> Any:
        done = (self.folder / f"{name}.done").exists()
        if done or name in self.failed:
            return SimpleNamespace(status="finished" if done else "failed", created="9")
        return None

    def crew(self, names: Sequence[str], *, hang: float = 60.0) -> Crew:
        (self.folder / "locks").mkdir(exist_ok=True)
        for name in names:
            (self.folder / name).touch()
        config = SimpleNamespace(
            output_dir=self.folder, hang_seconds=hang, trainer=SimpleNamespace(device="cpu")
        )
        jobs: Any = [SimpleNamespace(config=config, record_name=name) for name in names]
        store: Any = self
        files: Any = names
        logs = self.folder / "logs"
        return Crew(jobs, files, store, Display(), name="now", logs=logs, began="5")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    made = Study(tmp_path)
    command = [sys.executable, "-S", "-c", SCRIPT, str(tmp_path)]
    monkeypatch.setattr(cli.crew, "COMMAND", command)
    monkeypatch.setattr(cli.crew, "LOOK", 0.02)
    monkeypatch.setattr(cli.crew, "PATIENCE", 3.0)
    monkeypatch.setattr(cli.crew, "record_names", lambda jobs: [job.record_name for job in jobs])

    def bury(jobs: Any, name: str, error: str, store: Any) -> None:
        made.failed[name] = error

    monkeypatch.setattr(cli.crew, "run_fallen", bury)
    return made


def test_whatever_ends_a_process_ends_one_job(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["a", "exits", "killed", "b", "segfaults", "half a line", "c"]
    study.crew(names).run(2)
    assert {name for name in names if (study.folder / f"{name}.done").exists()} == {"a", "b", "c"}
    said = {
        "exits": "its process ended with exit status 3",
        "killed": "its process was killed by SIGKILL (Killed)",
        "segfaults": "its process was killed by SIGSEGV (Segmentation fault)",
        "half a line": "its process was killed by SIGABRT (Aborted)",
    }
    text = capsys.readouterr().err
    for name, why in said.items():
        error = study.failed[name]
        assert error.startswith(f"{why} at work; ")
        log = Path(error.split("; ")[1].removesuffix(" has what it said last"))
        assert log.is_file()
        assert f"{name} failed: {why} at work" in text
    assert set(study.failed) == set(said)
    assert claims(study.folder) == {}
    assert "[1/7 a] work\n" in text


def test_what_hangs_is_ended(study: Study) -> None:
    began = time.monotonic()
    study.crew(["hangs", "a"], hang=0.6).run(1)
    assert study.failed["hangs"].startswith("it showed no progress for 1 s and was ended at work;")
    assert (study.folder / "a.done").exists()
    assert time.monotonic() - began < 20


def test_what_ends_before_it_begins_ends_the_sweep(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status, script in ((2, "raise SystemExit(2)"), (1, "raise OSError('no room')")):
        monkeypatch.setattr(cli.crew, "COMMAND", [sys.executable, "-S", "-c", script])
        with pytest.raises(UsageError) as told:
            study.crew([f"job of {status}"]).run(1)
        assert f"exit status {status} before it began a job: " in str(told.value)
    assert "OSError: no room (all that it said is in" in str(told.value)


def interrupt_when(there: Path, number: int, times: int = 1) -> threading.Thread:
    """Send this process a signal when a file is there, and again a moment later."""

    def send() -> None:
        until = time.monotonic() + 20
        while not there.exists() and time.monotonic() < until:
            time.sleep(0.02)
        for _ in range(times):
            time.sleep(0.3)
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def alive(folder: Path) -> list[int]:
    """Processes with claims that are there still."""
    return [claim.process for claim in claims(folder).values() if _runs(claim.process)]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_interrupt_reaches_every_process(study: Study) -> None:
    sender = interrupt_when(study.folder / "locks" / "hangs.json", signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        study.crew(["hangs"]).run(1)
    sender.join()
    assert (study.folder / "interrupted").exists()
    assert alive(study.folder) == []
    assert study.failed == {}  # the next command goes on


def test_a_second_interrupt_waits_for_nobody(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.crew, "PATIENCE", 60.0)
    sender = interrupt_when(study.folder / "locks" / "deaf.json", signal.SIGINT, times=2)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        study.crew(["deaf"]).run(1)
    sender.join()
    assert time.monotonic() - began < 20
    assert alive(study.folder) == []


def test_who_is_told_to_end_ends_the_others(study: Study) -> None:
    def ended(*_: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        sender = interrupt_when(study.folder / "locks" / "hangs.json", signal.SIGTERM)
        with pytest.raises(SystemExit) as code:
            study.crew(["hangs"]).run(1)
    finally:
        signal.signal(signal.SIGTERM, before)
    sender.join()
    assert code.value.code == 143
    assert alive(study.folder) == []
