"""What a sweep is made of, one after the other; several processes share it out among themselves."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from filelock import FileLock, Timeout

from cli.prepare import Prepared
from cli.progress import Display
from cli.workers import deserted, is_worker
from results.record import RunRecord
from results.store import ResultStore
from runners.experiment import help_job, references, run_job
from runners.job import Job

PAUSE = 0.5
"""Seconds between two looks at what other processes have left."""


def run_all(prepared: Prepared, store: ResultStore, display: Display) -> list[RunRecord]:
    """Run what no other process is running, and help with the rest until all is there.

    Returns:
        The records of all jobs in their order, then those of what they are compared with.
    """
    shares = _Shares(prepared, store, display)
    shares.take_all()
    return shares.records


def run_free(prepared: Prepared, store: ResultStore, display: Display) -> list[RunRecord]:
    """Run what no other process is running; a worker helps with the rest too, as long as the
    process that it works for is there.

    Returns:
        The records of the jobs among them.
    """  # noqa: D205
    shares = _Shares(prepared, store, display)
    if is_worker():
        shares.take_all()
    else:
        shares.take_free()
    names = {job.record_name for job in prepared.jobs}
    return [record for record in shares.records if record.name in names]


@dataclass(frozen=True, slots=True)
class _Share:
    """What one process does at a time.

    Attributes:
        job: itself, or one that is compared with it.
        run: gives the record.
        number: of the job, counted from 1; 0 for what jobs are compared with.
        helped: a model that another process may measure too.
    """

    job: Job
    run: Callable[[ResultStore, Display], RunRecord]
    number: int = 0
    helped: Job | None = None


class _Shares:
    """What there is to do, jobs first; each process takes what is free."""

    def __init__(self, prepared: Prepared, store: ResultStore, display: Display) -> None:
        self._prepared, self._store, self._display = prepared, store, display
        self._began = datetime.now(UTC).isoformat(timespec="seconds")
        self._parent = os.getppid()
        self._records: dict[str, RunRecord] = {}
        self._passed_over: set[str] = set()
        self._helped: set[str] = set()
        self._shares: dict[str, _Share] = {}
        for number, job in enumerate(prepared.jobs, start=1):
            share = _Share(job, partial(run_job, job), number, helped=job)
            self._shares.setdefault(job.record_name, share)
        for job in prepared.jobs:
            starts = {start.record_name: start for start in job.starts}
            for name, run in references(job).items():
                self._shares.setdefault(name, _Share(job, run, helped=starts.get(name)))

    @property
    def records(self) -> list[RunRecord]:
        """Those that are there: of all jobs in their order, then each reference once."""
        return [self._records[name] for name in self._shares if name in self._records]

    def take_all(self) -> None:
        """Take what is free and help with the rest, until all is there or nobody to work for."""
        self.take_free()
        if len(self._records) < len(self._shares):
            self._display.no_job()
            self._display.stage("helping other processes, or waiting for them")
        while len(self._records) < len(self._shares) and not deserted(self._parent):
            if not self._help():
                time.sleep(PAUSE)
            self.take_free()

    def take_free(self) -> None:
        """Do what is not done and nobody else is doing."""
        for name, share in self._shares.items():
            if name in self._records or deserted(self._parent):
                continue
            with _lock(share.job, name) as is_free:
                if is_free or name not in self._passed_over:
                    self._show(share)
                if is_free:
                    self._records[name] = self._record(name, share)
                elif name not in self._passed_over:
                    self._display.say("another process is running this; taking the next")
                    self._passed_over.add(name)

    def _show(self, share: _Share) -> None:
        if share.number:
            names = self._prepared.names
            self._display.job(share.number, len(names), names[share.number - 1])
        else:
            self._display.no_job()

    def _record(self, name: str, share: _Share) -> RunRecord:
        there = self._store.readable(name)
        fresh = there is not None and there.created >= self._began  # failed elsewhere just now
        return there if there and fresh else share.run(self._store, self._display)

    def _help(self) -> bool:
        """Take measures of a model that another process is at; each model once."""
        for name, share in self._shares.items():
            if name in self._records or name in self._helped or share.helped is None:
                continue
            if help_job(share.helped, self._display):
                self._helped.add(name)
                return True
        return False


def finished(jobs: Sequence[Job], store: ResultStore) -> list[RunRecord]:
    """The finished records of these jobs and of what they are compared with, as far as there."""
    return [record for record in map(store.finished, record_names(jobs)) if record]


def record_names(jobs: Sequence[Job]) -> list[str]:
    """Of all jobs, then of what they are compared with, each once."""
    names = [job.record_name for job in jobs]
    return list(dict.fromkeys([*names, *(name for job in jobs for name in references(job))]))


@contextlib.contextmanager
def _lock(job: Job, name: str) -> Iterator[bool]:
    """Hold a lock and give True, or give False where another process has it.

    The system gives it free when its process ends, however it ends.
    """
    folder = job.config.output_dir / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
