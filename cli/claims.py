"""Who is at what: a lock that the system frees when its process ends, and beside it a sign of life
that any other process can read.
"""  # noqa: D205

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from runners.training.interrupts import TERMINATED

BEAT = 5.0
"""Seconds between two signs of life."""

SILENT = 6 * BEAT
"""Without one for so long, a process counts as gone."""

SWEEP = "COMPARE_SWEEP"
"""In the environment of a process that a sweep started: what the sweep is called."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a process says of the record that it is making.

    Attributes:
        name: of the record.
        process: its number.
        host: where that number counts.
        sweep: that started the process, or "".
        began: in seconds since 1970.
        beat: of the last sign of life, likewise.
        stage: what it was at.
        fraction: of the stage, in [0, 1].
    """

    name: str
    process: int
    host: str
    sweep: str
    began: float
    beat: float
    stage: str = ""
    fraction: float = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether its process has been heard of lately."""
        return time.time() - self.beat < SILENT


def own_sweep() -> str:
    """The sweep that started this process, or ""."""
    return os.environ.get(SWEEP, "")


class Heart:
    """Writes signs of life of a claim until it is left.

    Args:
        file: where.
        claim: at the beginning.
    """

    def __init__(self, file: Path, claim: Claim) -> None:
        self._file, self._claim = file, claim
        self._ended, self._writing = threading.Event(), threading.Lock()
        self._write()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def at(self, stage: str, fraction: float) -> None:
        """What the process is at; a new stage is told at once."""
        is_new = stage != self._claim.stage
        self._claim = replace(self._claim, stage=stage, fraction=fraction)
        if is_new:
            self._write()

    def stop(self) -> None:
        """No further sign."""
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            self._write()

    def _write(self) -> None:
        with (
            self._writing,
            contextlib.suppress(OSError),
        ):  # a full disk, which whoever writes results will name
            temporary = self._file.with_suffix(f".{os.getpid()}.new")
            temporary.write_text(json.dumps(asdict(replace(self._claim, beat=time.time()))))
            os.replace(temporary, self._file)


@contextlib.contextmanager
def claimed(output_dir: Path, name: str) -> Iterator[Heart | None]:
    """Hold the claim to make a record.

    What stays of a process that died is left to whoever started it, as long as that is the sweep
    that started this one too: it says what became of the job, and no second process dies of it.

    Args:
        output_dir: of the sweep.
        name: of the record.

    Yields:
        What takes the signs of life, or None where another process has the claim.
    """
    file = _file(output_dir, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.with_suffix(".lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield None
        return
    try:
        left = read_claim(file)
        if left is not None and left.sweep and left.sweep == own_sweep():
            yield None
            return
        now = time.time()
        claim = Claim(name, os.getpid(), socket.gethostname(), own_sweep(), now, now)
        heart = Heart(file, claim)
        try:
            yield heart
        except (KeyboardInterrupt, SystemExit) as error:
            heart.stop()
            if isinstance(error, KeyboardInterrupt) or error.code == TERMINATED:
                file.unlink(missing_ok=True)
            raise
        finally:
            heart.stop()
        file.unlink(missing_ok=True)
    finally:
        lock.release()


def claims(output_dir: Path) -> dict[str, Claim]:
    """What is being made, or was when its process died, by name of the record."""
    found = (read_claim(file) for file in sorted((output_dir / "locks").glob("*.json")))
    return {claim.name: claim for claim in found if claim is not None}


def drop_claim(output_dir: Path, name: str) -> None:
    """Forget a claim of a process that died."""
    _file(output_dir, name).unlink(missing_ok=True)


def read_claim(file: Path) -> Claim | None:
    """What a file says; a damaged one says nothing."""
    try:
        content: Any = json.loads(file.read_text())
        return Claim(**content)
    except (OSError, ValueError, TypeError):
        return None


def _file(output_dir: Path, name: str) -> Path:
    return output_dir / "locks" / f"{name}.json"
