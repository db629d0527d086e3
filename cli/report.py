"""`compare report`: the report of finished runs, built from their records alone."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from cli.arguments import parser_of
from cli.main import UsageError
from cli.paths import shown
from results.record import RunRecord
from results.report import write_report
from results.store import ResultStore

EXAMPLES = """\
compare report
compare report outputs other_outputs
"""


def main(arguments: Sequence[str]) -> int:
    """Build one report of all runs in some output directories."""
    about = "Build the report of finished runs again."
    parser = parser_of("report", about, examples=EXAMPLES)
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="DIR",
        help="output directories, or single runs in them (default: outputs)",
    )
    folders = [Path(name) for name in parser.parse_args(arguments).folders or ["outputs"]]
    found: list[tuple[RunRecord, ResultStore]] = []
    unreadable: dict[str, str] = {}
    for folder in folders:
        store, only = _runs_in(folder)
        records, damaged = store.records()
        found += [(r, store) for r in records if not only or r.kind != "run" or r.name == only]
        unreadable |= damaged
    output = found[0][1].folder.parent if found else folders[0]
    try:
        report = write_report(
            found,
            output / "reports",
            command=shlex.join(["compare", "report", *map(str, folders)]),
            unreadable=unreadable,
        )
    except (ValueError, OSError) as error:
        raise UsageError(f"{', '.join(map(str, folders))}: {error}") from error
    for name, reason in unreadable.items():
        print(f"left out: {name}: {reason}")
    print(f"report: {shown(report)}")
    return 0


def _runs_in(folder: Path) -> tuple[ResultStore, str]:
    """The store of an output directory; or of the folder of a single run, and its name."""
    store = ResultStore(folder)
    if store.folder.is_dir():
        return store, ""
    if (folder / "record.json").is_file():  # output_dir/runs/NAME
        whole = folder.resolve()
        return ResultStore(whole.parent.parent), whole.name
    raise UsageError(
        f"there are no runs in {folder}; give the output_dir of earlier runs, or the folder of one "
        "run below its runs/, for example: compare report outputs"
    )
