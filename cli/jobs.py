"""The jobs of a sweep, one after the other; several processes share them out among themselves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from cli.prepare import Prepared
from cli.progress import Display
from results.record import RunRecord
from results.store import ResultStore
from runners.experiment import run_job, run_references
from runners.job import Job


def run_all(prepared: Prepared, store: ResultStore, display: Display) -> list[RunRecord]:
    """Run what no other process is running, wait for the rest, and measure the references.

    Returns:
        The records of all jobs in their order, then those of untrained models and baselines.
    """
    began = datetime.now(UTC).isoformat(timespec="seconds")
    jobs, found = prepared.jobs, dict[int, RunRecord]()
    for wait in (False, True):  # at the end, the others are finished or have been killed
        for index, job in enumerate(jobs):
            if index in found:
                continue
            display.job(index + 1, len(jobs), prepared.names[index])
            lock = _taken(job, job.record_name, wait, display)
            if lock is None:
                continue
            try:
                there = store.readable(job.record_name)
                fresh = there is not None and there.created >= began  # failed elsewhere just now
                found[index] = there if there and fresh else run_job(job, store, display)
            finally:
                lock.release()
    display.no_job()
    records = [found[index] for index in range(len(jobs))]
    return records + _references(jobs, store, display)


def finished(jobs: Sequence[Job], store: ResultStore) -> list[RunRecord]:
    """The finished records of these jobs and of what they are compared with, as far as there."""
    names = [job.record_name for job in jobs]
    names += [name for job in jobs for name in _references_of(job)]
    records = map(store.finished, dict.fromkeys(names))
    return [record for record in records if record]


def _references(jobs: Sequence[Job], store: ResultStore, display: Display) -> list[RunRecord]:
    found: dict[str, RunRecord] = {}
    for names, job in {_references_of(job): job for job in jobs}.items():
        # One lock for both: they are measured together.
        lock = _taken(job, f"{names[0]}-{names[1]}", True, display)
        assert lock is not None
        try:
            found |= {record.name: record for record in run_references([job], store, display)}
        finally:
            lock.release()
    return list(found.values())


def _references_of(job: Job) -> tuple[str, str]:
    """The names of the records of the untrained model and of the baselines."""
    untrained = replace(job, config=replace(job.config, objective=None))
    return untrained.record_name, job.anchors_name


def _taken(job: Job, name: str, wait: bool, display: Display) -> FileLock | None:
    """A lock that is held, or None where another process holds it and is not waited for.

    The system gives it free when its process ends, however it ends.
    """
    folder = job.config.output_dir / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if not wait:
            display.say("another process is running this job; taking the next")
            return None
        display.stage("waiting for another process, which is running this")
        lock.acquire()
    return lock
