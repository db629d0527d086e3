"""`compare track`: finished runs, from their records, for TensorBoard or Weights & Biases."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from cli.arguments import parser_of
from cli.hydra_app import parse
from cli.main import UsageError
from cli.paths import shown
from results.record import RunRecord
from results.store import ResultStore
from results.text import one_line
from results.trackers.tensorboard import write_tensorboard
from results.trackers.tracked import tracked_run
from results.trackers.weights_and_biases import mode, write_wandb

EXAMPLES = """\
compare track outputs --to tensorboard
compare track outputs --to wandb --project my_project
"""

MORE = (
    "The same run is not logged twice; what was added to it since is. Call it as often as you "
    "like, during a sweep too. Weights & Biases is written offline; WANDB_MODE=online sends it."
)


def main(arguments: Sequence[str]) -> int:
    """Write every trained run of an output directory to a tracker."""
    parser = parser_of(
        "track",
        "Write the runs of an output directory, from their records, to an experiment tracker: "
        "configuration, training curve, measured values with intervals, costs and tags.",
        examples=EXAMPLES,
        more=MORE,
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="where runs were written")
    parser.add_argument("--to", required=True, choices=["tensorboard", "wandb"], help="the tracker")
    parser.add_argument(
        "--folder",
        type=Path,
        help="where to write (default: DIR/tensorboard; for wandb DIR, where it makes wandb/)",
    )
    parser.add_argument("--project", help="of Weights & Biases (default: compare)")
    parsed = parse(parser, arguments, help_by="compare track --help")
    if parsed.project and parsed.to == "tensorboard":
        raise UsageError(
            "--project is for --to wandb; TensorBoard has folders instead: --folder FOLDER"
        )
    project = parsed.project or "compare"
    if "/" in project or project in (".", ".."):
        raise UsageError(f"--project {project}: a name without a slash is needed")
    output = parsed.directory.expanduser()
    records, unreadable = _runs(output)
    default = output / "tensorboard" if parsed.to == "tensorboard" else output
    folder = (parsed.folder or default).expanduser()
    runs = []
    for record in records:
        try:
            runs.append(tracked_run(record, ResultStore(output)))
        except ValueError as error:
            unreadable[record.name] = str(error)
    try:
        for run in runs:
            if parsed.to == "tensorboard":
                done = write_tensorboard(run, folder)
            else:
                done = write_wandb(run, folder, project)
            print(f"{done}: {run.name} ({len(run.points)} points, {len(run.values)} values)")
        if runs and parsed.to == "tensorboard":
            print(f"look at it: tensorboard --logdir {shlex.quote(shown(folder))}")
        elif runs and mode() == "offline":
            print(f"upload it: wandb sync {shlex.quote(shown(folder))}/wandb/offline-run-*")
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error
    for name, reason in unreadable.items():
        print(one_line(f"left out: {name}: {reason}"))
    return 0


def _runs(output: Path) -> tuple[list[RunRecord], dict[str, str]]:
    """Trained runs, and of those that cannot be read, by name, the reason."""
    store = ResultStore(output)
    records, unreadable = store.records()
    runs = [record for record in records if record.kind == "run"]
    if not runs and not unreadable:
        raise UsageError(
            f"there are no runs in {output}; give the output_dir of earlier runs, for example: "
            "compare track outputs --to tensorboard"
        )
    return runs, unreadable
