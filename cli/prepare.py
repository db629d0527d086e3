"""From a command line to checked jobs, before anything trains: what `run` and `plan` share."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from cli.configuration import experiment, sweep_columns
from cli.hydra_app import collect
from cli.main import UsageError
from runners.job import Job, prepare
from runners.progress import Progress

PLUGGABLE = ("hydra/launcher=", "hydra/sweeper=")


def prepare_jobs(arguments: Sequence[str], progress: Progress) -> list[Job]:
    """Compose, check and prepare.

    Raises:
        UsageError: anything that the user can mend; nothing has been trained.
    """
    for argument in arguments:
        if argument.startswith(PLUGGABLE) and not argument.endswith("=basic"):
            raise UsageError(
                f"{argument}: jobs run one after the other in one process; leave it out"
            )
    composed = collect(arguments)
    columns = sweep_columns(composed)
    configs = [experiment(job, columns) for job in composed]
    for folder in {config.output_dir for config in configs}:
        check_writable(folder)
    try:
        return prepare(configs, progress)
    except ValueError as error:
        raise UsageError(str(error)) from error


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
