"""Runs for Weights & Biases: offline unless WANDB_MODE says otherwise; nothing is sent unasked."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from results.trackers.tracked import Done, TrackedRun, package, read_note, write_note

MODE = "WANDB_MODE"
REPORTING = "WANDB_ERROR_REPORTING"
"""Reports of the package's own crashes, for which its service looks a host up, offline too."""


def run_id(run: TrackedRun, project: str) -> str:
    """The same for the same run in the same project, so that what is added later joins it."""
    return hashlib.sha256(f"{project}/{run.name}".encode()).hexdigest()[:16]


def mode(environment: Mapping[str, str] = os.environ) -> str:
    """`online` or `offline`.

    Raises:
        ValueError: WANDB_MODE says anything else.
    """
    found = environment.get(MODE) or "offline"
    if found not in ("online", "offline"):
        raise ValueError(f"{MODE}={found}: a run can be logged online or offline (the default)")
    return found


def write_wandb(run: TrackedRun, folder: Path, project: str) -> Done:
    """Write one run, unless it stands there as it is; of one that has grown, what is new.

    An offline run that was not yet uploaded is written again as a whole. Nothing about the
    machine, the process or the working tree is noted.

    Args:
        run: to write.
        folder: below which `wandb/` is made.
        project: in Weights & Biases.

    Returns:
        What was done.

    Raises:
        ValueError: the package is not installed, or refuses.
    """
    wandb = package("wandb", extra="wandb")
    how, own_id = mode(), run_id(run, project)
    file = folder / "wandb" / "tracked" / project / how / f"{run.name}.json"
    note = read_note(file)
    written = offline_folders(folder, own_id) if how == "offline" else []
    uploaded = how == "online" or any(any(each.glob("*.synced")) for each in written)
    if note.get("digest") == run.digest and (how == "online" or written):
        return "there already"
    if not uploaded:
        for old in written:
            shutil.rmtree(old)
    after = int(note.get("last_step", -1)) if uploaded else -1
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _no_reports() if how == "offline" else contextlib.nullcontext():
            _write(wandb, run, folder, project, how, after)
            wandb.teardown()  # its service writes on when a run is finished; its end is waited for
    except wandb.errors.Error as error:
        raise ValueError(f"Weights & Biases refuses: {error}") from error
    write_note(file, run)
    return "continued" if note else "logged"


def offline_folders(folder: Path, own_id: str) -> list[Path]:
    """Where a run was written offline, the oldest first."""
    return sorted((folder / "wandb").glob(f"offline-run-*-{own_id}"))


@contextlib.contextmanager
def _no_reports() -> Iterator[None]:
    before = os.environ.get(REPORTING)
    os.environ[REPORTING] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[REPORTING]
        else:
            os.environ[REPORTING] = before


def _write(wandb: Any, run: TrackedRun, folder: Path, project: str, how: str, after: int) -> None:
    started = wandb.init(
        project=project,
        id=run_id(run, project),
        name=run.name,
        dir=str(folder),
        mode=how,
        resume="allow",
        group=run.record.objective,
        job_type=run.record.kind,
        tags=[f"{name}={value}"[:64] for name, value in run.tags.items()],
        config={**run.record.config, "record": str(run.file)},
        allow_val_change=True,
        settings=wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        ),
    )
    try:
        first = max(after + 1, started.starting_step)
        for step, point in sorted(run.points.items()):
            if step >= first:
                started.log({"step": step, **point}, step=step)
        started.summary.update({**run.numbers, "digest": run.digest})
    except BaseException:
        started.finish(exit_code=1)
        raise
    started.finish(exit_code=0 if run.record.status == "finished" else 1)
