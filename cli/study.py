"""Jobs from the first to the report: what `run` and `resume` share."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from cli.crew import Crew
from cli.figures import announcement, value_of
from cli.jobs import finished, now, record_names, run_all
from cli.paths import show_report, shown
from cli.prepare import Prepared, write_files
from cli.progress import Display
from cli.sweep import Sweep
from cli.workers import wanted
from results.record import RunRecord
from results.report import write_report
from results.store import ResultStore
from runners.configuration.frozen import changed_plugins
from runners.distributed import ranks
from runners.identity import source_changed
from runners.job import Job


class Study:
    """Runs batches of jobs, and reports on all of them.

    Args:
        command: what was typed, for the report.
        display: shows it.
        sweep: that is continued; None for one of its own.
    """

    def __init__(self, command: str, display: Display, sweep: Sweep | None = None) -> None:
        self._command, self._display, self._sweep = command, display, sweep
        self._began = now()
        self._jobs: dict[str, Job] = {}
        self._records: dict[str, RunRecord] = {}
        self._lock: FileLock | None = None

    def run(self, prepared: Prepared) -> list[float | Exception]:
        """Run a batch.

        Returns:
            Of each job that was asked for the value that a sweeper is told, or why it failed.
        """
        jobs, display = prepared.jobs, self._display
        display.say(prepared.heading)
        store = ResultStore(jobs[0].config.output_dir)
        there = finished(jobs, store)
        done = sum(record.kind == "run" for record in there)
        display.say(f"{announcement(jobs)}; done already: {done} of {len(jobs)} job(s)")
        names = record_names(jobs)
        self._jobs |= {job.record_name: job for job in jobs}
        files = write_files(prepared)
        try:
            if prepared.inline or ranks().world > 1:  # torchrun has started the processes
                records = run_all(prepared, store, display)
            else:
                records = self._in_processes(jobs, files, store, len(names) - len(there))
        except (KeyboardInterrupt, SystemExit):
            self._report_part(store)
            raise
        self._records |= {record.name: record for record in records}
        values = {
            job.record_name: value_of(job.config.optimise, self._records[job.record_name], store)
            for job in jobs
        }
        return [values[name] for name in prepared.asked]

    def report(self) -> int:
        """Write the report of all batches, and show it.

        Returns:
            0, or 1 where a job failed.
        """
        display = self._display
        display.no_job()
        display.stage("report")
        records = list(self._records.values())
        store = ResultStore(self._output_dir)
        try:
            report = self._write(records, store)
        except ValueError as error:  # no job came to anything
            display.say(f"no report: {error}")
            return 1
        if self._sweep is not None:
            self._sweep.write(report=os.path.relpath(report, self._output_dir))
        display.done()
        show_report(report)
        return int(any(record.status == "failed" for record in records))

    def keep(self, folder: Path) -> None:
        """Take over what a sweeper wrote beside the jobs."""
        if self._sweep is None:
            return
        for file in folder.iterdir():
            if file.is_file() and file.name != "multirun.yaml":
                shutil.copy(file, self._sweep.folder)

    @property
    def _output_dir(self) -> Path:
        return next(iter(self._jobs.values())).config.output_dir

    def _in_processes(
        self, jobs: Sequence[Job], files: Sequence[Path], store: ResultStore, left: int
    ) -> list[RunRecord]:
        """Let processes of their own run what is left."""
        display, names = self._display, record_names(jobs)
        if left:
            self._sweep = self._sweep or Sweep.begin(self._output_dir, self._command)
            self._lock = self._lock or self._sweep.alone()
            self._sweep.add(files, names[len(jobs) :])
            count = wanted(jobs, left)
            display.say(
                f"{count} process(es) share the work (workers={count}); what they say is in "
                f"{shown(self._sweep.logs)}"
            )
            crew = Crew(
                jobs,
                files,
                store,
                display,
                name=f"{self._sweep.name}, process {os.getpid()}",
                logs=self._sweep.logs,
                began=self._began,
            )
            crew.run(count)
            self._say_what_changed(jobs)
        return [record for name in names if (record := store.readable(name)) is not None]

    def _say_what_changed(self, jobs: Sequence[Job]) -> None:
        changed = [shown(file) for job in jobs for file in changed_plugins(job.config)]
        if source_changed():
            changed.append("compare's own source")
        for name in dict.fromkeys(changed):
            self._display.say(
                f"{name} has changed since this began: its jobs used what stood there then"
            )

    def _write(
        self,
        records: Sequence[RunRecord],
        store: ResultStore,
        missing: Mapping[str, str] | None = None,
    ) -> Path:
        """Write the report; of two processes that share a sweep, one after the other."""
        with FileLock(self._output_dir / "locks" / "report.lock"):
            return write_report(
                [(record, store) for record in records],
                self._output_dir / "reports",
                command=self._command,
                unreadable=missing,
                tell=self._display.step,
            )

    def _report_part(self, store: ResultStore) -> None:
        """Report what was finished before an interrupt, if anything was."""
        jobs = list(self._jobs.values())
        records = finished(jobs, store)
        done = sum(record.kind == "run" for record in records)
        if not done:
            return
        self._display.no_job()
        self._display.stage("report of what is finished")
        there = {record.name for record in records}
        missing = {
            name: "it was not finished when the run was interrupted"
            for name in self._jobs
            if name not in there
        }
        report = self._write(records, store, missing)
        print(f"report of {done} of {len(jobs)} job(s): {shown(report)}", flush=True)
