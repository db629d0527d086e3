"""What a sweep is made of, one after the other; several processes share it out among themselves."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from cli.claims import Heart, claimed
from cli.prepare import Prepared
from cli.workers import BEGAN, is_worker
from results.record import RunRecord
from results.store import ResultStore
from runners.experiment import fallen, fallen_baselines, help_job, references, run_job
from runners.job import Job
from runners.progress import Progress

PAUSE = 0.5
"""Seconds between two looks at what other processes have left."""


class Shown(Progress, Protocol):
    """Told of jobs too."""

    def job(self, number: int, total: int, name: str) -> None:
        """Job `number` of `total` begins, counted from 1."""

    def no_job(self) -> None:
        """What follows belongs to all jobs."""


def now() -> str:
    """As records say when they were made."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def run_all(prepared: Prepared, store: ResultStore, display: Shown) -> list[RunRecord]:
    """Run what no other process is running, and help with the rest until all is there.

    Returns:
        The records of all jobs in their order, then those of what they are compared with.
    """
    shares = _Shares(prepared, store, display)
    shares.take_all()
    return shares.records


def run_free(prepared: Prepared, store: ResultStore, display: Shown) -> list[RunRecord]:
    """Run what no other process is running.

    Returns:
        The records of the jobs among them.
    """
    shares = _Shares(prepared, store, display)
    shares.take_free()
    names = {job.record_name for job in prepared.jobs}
    return [record for record in shares.records if record.name in names]


def run_fallen(jobs: Sequence[Job], name: str, error: str, store: ResultStore) -> RunRecord:
    """The failed record of a share whose process died, where there is none that is finished.

    Args:
        jobs: of the command.
        name: of the record.
        error: what became of it.
        store: that keeps it.
    """
    share = _shares_of(jobs)[name]
    return share.fall(error, store)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one process does at a time.

    Attributes:
        run: gives the record.
        fall: gives a failed one, with an error.
        number: of the job, counted from 1; 0 for what jobs are compared with.
        helped: a model that another process may measure too.
    """

    run: Callable[[ResultStore, Progress], RunRecord]
    fall: Callable[[str, ResultStore], RunRecord]
    number: int = 0
    helped: Job | None = None


def _shares_of(jobs: Sequence[Job]) -> dict[str, _Share]:
    """By name of the record: jobs, then what they are compared with."""
    found: dict[str, _Share] = {}
    for number, job in enumerate(jobs, start=1):
        share = _Share(partial(run_job, job), partial(fallen, job), number, helped=job)
        found.setdefault(job.record_name, share)
    for job in jobs:
        starts = {start.record_name: start for start in job.starts}
        for name, run in references(job).items():
            start = starts.get(name)
            fall = partial(fallen_baselines, job) if start is None else partial(fallen, start)
            found.setdefault(name, _Share(run, fall, helped=start))
    return found


class _Shares:
    """What there is to do, jobs first; each process takes what is free."""

    def __init__(self, prepared: Prepared, store: ResultStore, display: Shown) -> None:
        self._prepared, self._store, self._display = prepared, store, display
        self._folder = prepared.jobs[0].config.output_dir
        self._began = os.environ.get(BEGAN) or now()
        self._records: dict[str, RunRecord] = {}
        self._passed_over: set[str] = set()
        self._helped: set[str] = set()
        self._shares = _shares_of(prepared.jobs)

    @property
    def records(self) -> list[RunRecord]:
        """Those that are there: of all jobs in their order, then each reference once."""
        return [self._records[name] for name in self._shares if name in self._records]

    def take_all(self) -> None:
        """Take what is free and help with the rest, until all is there."""
        self.take_free()
        if len(self._records) < len(self._shares):
            self._display.no_job()
            self._display.stage("helping other processes, or waiting for them")
        while len(self._records) < len(self._shares):
            if not self._help():
                time.sleep(PAUSE)
            self.take_free()

    def take_free(self) -> None:
        """Do what is not done and nobody else is doing."""
        for name, share in self._shares.items():
            if name in self._records:
                continue
            with claimed(self._folder, name) as heart:
                if heart or not (is_worker() or name in self._passed_over):
                    self._show(share)
                if heart:
                    self._records[name] = self._record(name, share, _Heard(self._display, heart))
                elif not (is_worker() or name in self._passed_over):
                    self._display.say("another process is running this; taking the next")
                    self._passed_over.add(name)

    def _show(self, share: _Share) -> None:
        if share.number:
            names = self._prepared.names
            self._display.job(share.number, len(names), names[share.number - 1])
        else:
            self._display.no_job()

    def _record(self, name: str, share: _Share, progress: Progress) -> RunRecord:
        there = self._store.readable(name)
        fresh = there is not None and there.created >= self._began  # failed elsewhere just now
        return there if there and fresh else share.run(self._store, progress)

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


class _Heard:
    """A progress whose signs of life others can read."""

    def __init__(self, progress: Progress, heart: Heart) -> None:
        self._progress, self._heart = progress, heart
        self._stage = ""

    def say(self, line: str) -> None:
        self._progress.say(line)

    def stage(self, name: str) -> None:
        self._stage = name
        self._heart.at(name, 0.0)
        self._progress.stage(name)

    def step(
        self, fraction: float, *, loss: float | None = None, rate: float | None = None
    ) -> None:
        self._heart.at(self._stage, fraction)
        self._progress.step(fraction, loss=loss, rate=rate)
