"""From a command line to checked jobs, before anything trains: what `run` and `plan` share."""

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.configuration import experiment, sweep_columns
from cli.hydra_app import Composed, collect, each_batch
from cli.main import UsageError
from cli.naming import job_names
from cli.paths import shown
from results.figures import listed
from runners.configuration.experiment import ExperimentConfig
from runners.configuration.frozen import with_frozen_plugins
from runners.configuration.job_file import AGAIN, JobFile, read_job, write_job
from runners.disk import FULL
from runners.hardware import describe
from runners.job import Job, prepare
from runners.progress import Progress


@dataclass(frozen=True, slots=True)
class Prepared:
    """The jobs of a command line, each once.

    Attributes:
        jobs: in the order in which they are run.
        names: of the jobs, for the eye.
        auto: the presets that `model=auto` took, each once.
        asked: the record of each job that was asked for; those of equal jobs are one.
        inline: whether they run in this process.
    """

    jobs: list[Job]
    names: list[str]
    auto: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    inline: bool = False

    @property
    def heading(self) -> str:
        """How many jobs there are, on what, and which model `auto` was."""
        text = f"{len(self.jobs)} job(s) on {describe(self.jobs[0].config.trainer)}"
        return f"{text}; model=auto took {listed(self.auto)}" if self.auto else text


def prepare_all(arguments: Sequence[str], progress: Progress, *, here: bool = True) -> Prepared:
    """Compose, check and prepare all jobs of a command line.

    Args:
        arguments: of `run`.
        progress: told what is built.
        here: whether this machine will run them.

    Raises:
        UsageError: anything that the user can mend; nothing has been trained.
    """
    try:
        composed = collect(arguments)
    except OSError as error:
        raise UsageError(_said(error, None)) from error
    return prepare_jobs(composed, progress, here=here)


def each_prepared(
    arguments: Sequence[str],
    progress: Progress,
    take: Callable[[Prepared], Sequence[float | Exception]],
    keep: Callable[[Path], None],
) -> None:
    """Prepare the jobs of a command line: all at once, or as its sweeper asks for them.

    Args:
        arguments: of the command.
        progress: told of what takes long.
        take: runs a batch, and returns a value for each that was asked for.
        keep: called at the end with the folder where a sweeper may have written.

    Raises:
        UsageError: anything that the user can mend; nothing of the batch has been trained.
    """
    is_composed = False

    def prepared(composed: list[Composed]) -> Sequence[float | Exception]:
        nonlocal is_composed
        is_composed = True
        return take(prepare_jobs(composed, progress))

    try:
        each_batch(arguments, prepared, keep)
    except OSError as error:
        if is_composed:
            raise
        raise UsageError(_said(error, None)) from error


def prepare_jobs(
    composed: Sequence[Composed], progress: Progress, *, here: bool = True
) -> Prepared:
    """Check and prepare a batch of jobs.

    Args:
        composed: by Hydra.
        progress: told what is built.
        here: whether this machine will run them.

    Raises:
        UsageError: anything that the user can mend; nothing has been trained.
    """
    if not composed:
        raise UsageError("there is no job to run: a glob(...) matches no option")
    columns = sweep_columns(composed)
    jobs = _prepared([experiment(job, columns) for job in composed], progress, here=here)
    names = job_names(jobs, [job.overrides for job in composed])
    first = {job.record_name: index for index, job in reversed(list(enumerate(jobs)))}
    kept = sorted(first.values())
    if len(kept) < len(jobs):
        progress.say(f"{len(jobs) - len(kept)} job(s) are the same as others and run once")
    taken = dict.fromkeys(job.auto for job in composed if job.auto)
    return Prepared(
        [jobs[index] for index in kept],
        [names[index] for index in kept],
        tuple(taken),
        tuple(job.record_name for job in jobs),
        composed[0].inline,
    )


def prepare_files(files: Sequence[Path], progress: Progress) -> Prepared:
    """Prepare the jobs that `compare run` has written down.

    Raises:
        UsageError: a file cannot be used, or what it would read is not what it was.
    """
    try:
        found = [read_job(file) for file in files]
    except ValueError as error:
        raise UsageError(str(error)) from error
    jobs = _prepared([each.config for each in found], progress)
    for file, each, job in zip(files, found, jobs, strict=True):
        if job.record_name != each.name:
            raise UsageError(
                f"{file}: the data that it reads are no longer what they were when it was written: "
                f"{AGAIN}"
            )
    return Prepared(jobs, [each.title for each in found])


def write_files(prepared: Prepared) -> list[Path]:
    """Write every job down with its plugins, in the order in which they are run.

    Raises:
        UsageError: a plugin is edited at this moment.
    """
    try:
        return [
            write_job(JobFile(job.record_name, name, with_frozen_plugins(job.config)))
            for job, name in zip(prepared.jobs, prepared.names, strict=True)
        ]
    except ValueError as error:
        raise UsageError(str(error)) from error


def _prepared(
    configs: Sequence[ExperimentConfig], progress: Progress, *, here: bool = True
) -> list[Job]:
    folders = sorted({config.output_dir for config in configs})
    if len(folders) > 1:
        raise UsageError(
            f"output_dir: all jobs of a command write to one folder, not to {folders[0]} and "
            f"{folders[1]}"
        )
    try:
        check_writable(folders[0])
        return prepare(configs, progress, here=here)
    except ValueError as error:
        raise UsageError(str(error)) from error
    except OSError as error:  # a full disk, a file that may not be read, a link to nowhere
        raise UsageError(_said(error, folders[0])) from error


def check_writable(folder: Path) -> None:
    """Raise UsageError unless files can be made in `folder`, which is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"output_dir: nothing can be written to {folder} ({error.strerror}); "
            "choose another with output_dir=FOLDER"
        ) from error


def _said(error: OSError, folder: Path | None) -> str:
    """What the system refused, and a way out."""
    named = re.search(r"errno (\d+)", str(error))  # as libraries tell it
    number = error.errno or (int(named[1]) if named else 0)
    if number in FULL and folder:
        return (
            f"output_dir: nothing more can be written to {shown(folder)} ({os.strerror(number)}); "
            "make room, or choose another with output_dir=FOLDER"
        )
    file = f", {error.filename}" if error.filename else ""
    said = f"{error.strerror}{file}" if error.strerror else " ".join(str(error).split())
    return f"preparing the data failed: {said}"
