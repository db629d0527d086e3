"""`compare run`: compose, check and prepare every job; run them; write the report."""

import shlex
from collections.abc import Sequence

from omegaconf import DictConfig

from cli.hydra_app import call_hydra, only_shows
from cli.paths import shown
from cli.prepare import prepare_jobs
from cli.progress import Display
from results.record import RunRecord
from results.report import write_report
from results.store import ResultStore
from runners.experiment import run_job, run_references
from runners.hardware import describe
from runners.job import Job


def main(arguments: Sequence[str]) -> int:
    """Run the jobs of a command line.

    Returns:
        0, or 1 where a job failed.
    """
    if only_shows(arguments):
        call_hydra(arguments, lambda config: None)
        return 0
    with Display() as display:
        jobs = prepare_jobs(arguments, display)
        display.say(f"{len(jobs)} job(s) on {describe(jobs[0].config.trainer)}")
        store = ResultStore(jobs[0].config.output_dir)
        records = _launch(arguments, jobs, store, display)
        records += run_references(jobs, store, display)
        display.stage("report")
        report = write_report(
            [(record, store) for record in records],
            jobs[0].config.output_dir / "reports",
            command=shlex.join(["compare", "run", *arguments]),
        )
    print(f"report: {shown(report)}")
    return int(any(record.status == "failed" for record in records))


def _launch(
    arguments: Sequence[str], jobs: Sequence[Job], store: ResultStore, display: Display
) -> list[RunRecord]:
    """Let Hydra launch the prepared jobs, one after the other and in its order."""
    waiting = iter(jobs)
    records: list[RunRecord] = []

    def task(config: DictConfig) -> None:
        job = next(waiting)
        display.job(len(records) + 1, len(jobs), f"{job.label}, seed {job.config.seed}")
        records.append(run_job(job, store, display))

    call_hydra(arguments, task)
    return records
