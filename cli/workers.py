"""Several jobs at once: more processes with the same job files, which take the next free ones."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from runners.job import Job

MARK = "COMPARE_WORKER"
"""In the environment of a worker: the number by which its log is called."""

PATIENCE = 10.0
"""Seconds that an interrupted process has to end by itself."""

COMMAND = (sys.executable, "-c", "from cli.main import main; raise SystemExit(main())")
"""`compare`, whatever the environment calls it."""


def is_worker() -> bool:
    """Whether this process helps another, which shows progress and writes the report."""
    return MARK in os.environ


def deserted(parent: int) -> bool:
    """Whether the process that a worker helps is gone.

    Args:
        parent: its number, as it was when the worker began.
    """
    return is_worker() and os.getppid() != parent


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
        cores = len(os.sched_getaffinity(0))
        on_processor = all(trainer.device == "cpu" for trainer in trainers)
        asked = cores // max(t.threads for t in trainers) if on_processor else 1
    return max(1, min(asked, shares))


@contextlib.contextmanager
def helped(files: Sequence[Path], count: int, logs: Path) -> Iterator[None]:
    """Let `count` processes share the jobs of a command, this one among them.

    They end with it: interrupted where it is, and waited for.

    Args:
        files: the jobs.
        count: processes in all.
        logs: folder for what the others say.
    """
    logs.mkdir(parents=True, exist_ok=True)
    others = [_start(files, number, logs) for number in range(2, count + 1)]
    try:
        yield
    finally:
        for process in others:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in others:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:  # started where interrupts are ignored
                process.terminate()
                process.wait()


def _start(files: Sequence[Path], number: int, logs: Path) -> subprocess.Popen[bytes]:
    with (logs / f"worker-{number}.log").open("wb") as log:
        return subprocess.Popen(
            [*COMMAND, "job", *map(str, files)],
            env={**os.environ, MARK: str(number)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
