"""`compare run`: compose, check and prepare every job; run them; write the report."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from cli.figures import announcement
from cli.help import answered
from cli.jobs import finished, record_names, run_all
from cli.paths import show_report, shown
from cli.prepare import prepare_jobs, write_files
from cli.progress import Display
from cli.workers import helped, wanted
from results.record import RunRecord
from results.report import write_report
from results.store import ResultStore
from runners.job import Job


def main(arguments: Sequence[str]) -> int:
    """Run the jobs of a command line.

    Returns:
        0, or 1 where a job failed.
    """
    if answered(arguments):
        return 0
    with Display() as display:
        prepared = prepare_jobs(arguments, display)
        jobs = prepared.jobs
        display.say(prepared.heading)
        store = ResultStore(jobs[0].config.output_dir)
        there = finished(jobs, store)
        done = sum(record.kind == "run" for record in there)
        display.say(f"{announcement(jobs)}; done already: {done} of {len(jobs)} job(s)")
        files = write_files(prepared)
        count = wanted(jobs, len(record_names(jobs)) - len(there))
        if count > 1:
            display.say(f"{count} processes share the work (workers={count})")
        try:
            with helped(files, count, jobs[0].config.output_dir / "logs"):
                records = run_all(prepared, store, display)
        except KeyboardInterrupt:
            _report_part(arguments, jobs, store, display)
            raise
        display.no_job()
        display.stage("report")
        try:
            report = _report(arguments, jobs, records, store, display)
        except ValueError as error:  # no job came to anything
            display.say(f"no report: {error}")
            return 1
    show_report(report)
    return int(any(record.status == "failed" for record in records))


def _report(
    arguments: Sequence[str],
    jobs: Sequence[Job],
    records: Sequence[RunRecord],
    store: ResultStore,
    display: Display,
    missing: Mapping[str, str] | None = None,
) -> Path:
    """Write the report; of two processes that share a sweep, one after the other."""
    folder = jobs[0].config.output_dir
    with FileLock(folder / "locks" / "report.lock"):
        return write_report(
            [(record, store) for record in records],
            folder / "reports",
            command=shlex.join(["compare", "run", *arguments]),
            unreadable=missing,
            tell=display.step,
        )


def _report_part(
    arguments: Sequence[str], jobs: Sequence[Job], store: ResultStore, display: Display
) -> None:
    """Report what was finished before an interrupt, if anything was."""
    records = finished(jobs, store)
    done = sum(record.kind == "run" for record in records)
    if not done:
        return
    display.no_job()
    display.stage("report of what is finished")
    there = {record.name for record in records}
    names = (job.record_name for job in jobs)
    missing = {
        n: "it was not finished when the run was interrupted" for n in names if n not in there
    }
    report = _report(arguments, jobs, records, store, display, missing)
    print(f"report of {done} of {len(jobs)} job(s): {shown(report)}", flush=True)
