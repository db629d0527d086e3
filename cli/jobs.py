"""The jobs of a sweep, one after the other; several processes share them out among themselves."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from cli.prepare import Prepared
from cli.progress import Display
from cli.workers import deserted
from results.record import RunRecord
from results.store import ResultStore
from runners.experiment import run_job, run_references
from runners.job import Job


def run_all(prepared: Prepared, store: ResultStore, display: Display) -> list[RunRecord]:
    """Run what no other process is running, wait for the rest, and measure the references.

    Returns:
        The records of all jobs in their order, then those of untrained models and baselines.
    """
    shares = _Shares(prepared, store, display)
    shares.take(wait=False)
    shares.take(wait=True)  # the others are finished or have been killed
    return shares.records


def run_free(prepared: Prepared, store: ResultStore, display: Display) -> list[RunRecord]:
    """Run what no other process is running, as long as the process that is helped is there.

    Returns:
        The records of the jobs among them.
    """
    shares = _Shares(prepared, store, display)
    shares.take(wait=False)
    return shares.own


class _Shares:
    """What there is to do, jobs first; each process takes what is free."""

    def __init__(self, prepared: Prepared, store: ResultStore, display: Display) -> None:
        self._prepared, self._store, self._display = prepared, store, display
        self._began = datetime.now(UTC).isoformat(timespec="seconds")
        self._jobs: dict[int, RunRecord] = {}
        self._references: dict[tuple[str, str], list[RunRecord]] = {}

    @property
    def own(self) -> list[RunRecord]:
        """Those of the jobs that were taken."""
        return [self._jobs[index] for index in sorted(self._jobs)]

    @property
    def records(self) -> list[RunRecord]:
        """Those of all jobs in their order, then each reference once."""
        rest = [record for records in self._references.values() for record in records]
        return self.own + list({record.name: record for record in rest}.values())

    def take(self, *, wait: bool) -> None:
        """Do what is not done.

        Args:
            wait: for other processes; otherwise what they are doing is passed over.
        """
        jobs, display, parent = self._prepared.jobs, self._display, os.getppid()
        for index, job in enumerate(jobs):
            if index in self._jobs or deserted(parent):
                continue
            display.job(index + 1, len(jobs), self._prepared.names[index])
            with _lock(job, job.record_name, wait, display) as free:
                if free:
                    self._jobs[index] = self._run(job)
        display.no_job()
        # One lock for an untrained model and its baselines: they are measured together.
        for names, job in {_references_of(job): job for job in jobs}.items():
            if names in self._references or deserted(parent):
                continue
            with _lock(job, f"{names[0]}-{names[1]}", wait, display) as free:
                if free:
                    self._references[names] = run_references([job], self._store, display)

    def _run(self, job: Job) -> RunRecord:
        there = self._store.readable(job.record_name)
        fresh = there is not None and there.created >= self._began  # failed elsewhere just now
        return there if there and fresh else run_job(job, self._store, self._display)


def finished(jobs: Sequence[Job], store: ResultStore) -> list[RunRecord]:
    """The finished records of these jobs and of what they are compared with, as far as there."""
    names = [job.record_name for job in jobs]
    names += [name for job in jobs for name in _references_of(job)]
    records = map(store.finished, dict.fromkeys(names))
    return [record for record in records if record]


def _references_of(job: Job) -> tuple[str, str]:
    """The names of the records of the untrained model and of the baselines."""
    untrained = replace(job, config=replace(job.config, objective=None))
    return untrained.record_name, job.baselines_name


@contextlib.contextmanager
def _lock(job: Job, name: str, wait: bool, display: Display) -> Iterator[bool]:
    """Hold a lock and give True, or give False where another process has it and is not waited for.

    The system gives it free when its process ends, however it ends.
    """
    folder = job.config.output_dir / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if not wait:
            display.say("another process is running this; taking the next")
            yield False
            return
        display.stage("waiting for another process, which is running this")
        lock.acquire()
    try:
        yield True
    finally:
        lock.release()
