"""A process that a sweep started: it tells that one what it is at, and ends when that one does."""

import contextlib
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from runners.hardware import devices
from runners.job import Job

MARK = "COMPARE_WORKER"
"""In the environment of a worker: the number by which its log is called."""

EVENTS = "COMPARE_EVENTS"
"""Likewise: the open file to which it tells what it is at."""

BEGAN = "COMPARE_BEGAN"
"""Likewise: when its sweep began, in UTC."""

PATIENCE = 60.0
"""Seconds that an interrupted process has to write what it must, and to end by itself."""

EVENT_SECONDS = 0.25
"""Between two steps that are told."""


def is_worker() -> bool:
    """Whether a sweep started this process, and shows its progress and writes the report."""
    return MARK in os.environ


def wanted(jobs: Sequence[Job], shares: int) -> int:
    """How many processes shall share a sweep.

    A GPU holds one job at a time; the cores of a processor hold as many as their threads fill,
    since two jobs of one thread each are faster than one of two.

    Args:
        jobs: of the command.
        shares: jobs, untrained models and baselines that are not finished.
    """
    asked = max(job.config.workers for job in jobs)
    if not asked:
        trainers = [job.config.trainer for job in jobs]
        if all(trainer.device == "cpu" for trainer in trainers):
            asked = len(os.sched_getaffinity(0)) // max(trainer.threads for trainer in trainers)
        else:
            asked = len(devices())
    return max(1, min(asked, shares))


class Told:
    """The progress of a worker, as lines of JSON that its sweep reads."""

    def __init__(self) -> None:
        self._events = int(os.environ[EVENTS])
        self._last = -math.inf  # the clock may begin with the machine

    def job(self, number: int, total: int, name: str) -> None:
        """Job `number` of `total` begins."""
        self._tell("job", number=number, total=total, name=name)

    def no_job(self) -> None:
        """What follows belongs to all jobs."""
        self._tell("no_job")

    def say(self, line: str) -> None:
        """A line worth keeping."""
        print(line, file=sys.stderr, flush=True)
        self._tell("say", line=line)

    def stage(self, name: str) -> None:
        """A stage begins."""
        print(name, file=sys.stderr, flush=True)
        self._tell("stage", name=name)

    def step(
        self, fraction: float, *, loss: float | None = None, rate: float | None = None
    ) -> None:
        """The stage has come so far."""
        now = time.monotonic()
        if now - self._last >= EVENT_SECONDS:
            self._last = now
            self._tell("step", fraction=fraction, loss=loss, rate=rate)

    def _tell(self, event: str, **more: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody is left to be told
            os.write(self._events, (json.dumps({"event": event, **more}) + "\n").encode())


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however that ended.

    Its standard input is a pipe that the other holds open.
    """

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
