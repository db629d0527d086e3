"""`compare report`: the report of finished runs, built from their records alone."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cli.main import UsageError
from cli.paths import show_report, shown
from results.diff_page import write_diff
from results.formats import DEFAULT, FOR_READING, FORMATS, formats
from results.record import RunRecord
from results.report import write_report
from results.store import ResultStore
from results.text import one_line

Found = list[tuple[RunRecord, ResultStore]]

HELP = f"""\
usage: compare report [DIR ...] [--format NAME,NAME] [--diff]

Build the report of finished runs again, from their records alone.

  DIR           output directories, or single runs below their runs/ (default: outputs)
  --format      {", ".join(FORMATS)}
                (default: {",".join(DEFAULT)}; others are added to what stands there)
  --diff        what changed from one study to another: two output directories, or two runs;
                in {", ".join(FOR_READING)}

  compare report                                 outputs, as `compare run` wrote it
  compare report outputs other_outputs           one report of both
  compare report outputs --format latex          tables.tex, for a paper
  compare report outputs --format parquet,png    results.parquet, and the figures as PNG
  compare report outputs other_outputs --diff    diff.md: settings, then figure by figure
"""


def main(arguments: Sequence[str]) -> int:
    """Build one report of all runs in some output directories, or of two what changed."""
    if {"-h", "--help"} & set(arguments):
        print(HELP, end="")
        return 0
    parsed = _parser().parse_intermixed_args(list(arguments))
    folders = [Path(name) for name in parsed.folders or ["outputs"]]
    try:
        known = FOR_READING if parsed.diff else tuple(FORMATS)
        names = None if parsed.format is None else formats(parsed.format, known)
    except ValueError as error:
        raise UsageError(f"--format {parsed.format}: {error}") from error
    if parsed.diff and len(folders) != 2:
        raise UsageError(
            f"--diff is about two studies, and {len(folders)} "
            f"{'is' if len(folders) == 1 else 'are'} named; name two output directories or two "
            "runs, for example: compare report outputs other_outputs --diff"
        )
    sides: list[Found] = []
    unreadable: dict[str, str] = {}
    for folder in folders:
        found, damaged = _runs_in(folder)
        sides.append(found)
        unreadable |= damaged
    output = next((side[0][1].folder.parent for side in sides if side), folders[0])
    command = shlex.join(["compare", "report", *arguments])
    try:
        if parsed.diff:
            first, second = zip(map(str, folders), sides, strict=True)
            report = write_diff(first, second, output / "reports", command=command, formats=names)
        else:
            report = write_report(
                [run for side in sides for run in side],
                output / "reports",
                command=command,
                unreadable=unreadable,
                formats=names,
            )
    except ValueError as error:
        raise UsageError(f"{', '.join(map(str, folders))}: {error}") from error
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise UsageError(
            f"nothing can be written to {shown(output / 'reports')} ({reason}); what stands there "
            "is as it was"
        ) from error
    for name, reason in unreadable.items():
        print(one_line(f"left out: {name}: {reason}"))
    show_report(report)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="compare report", add_help=False, allow_abbrev=False)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--format")
    parser.add_argument("--diff", action="store_true")

    def error(message: str) -> NoReturn:
        raise UsageError(f"{message}; `compare report --help` shows what there is")

    parser.error = error  # type: ignore[method-assign]
    return parser


def _runs_in(folder: Path) -> tuple[Found, dict[str, str]]:
    """The runs of an output directory, or a single one by its folder, with what it refers to.

    Returns:
        Records with their store, and of those that cannot be read, by name, the reason.
    """
    store, only = ResultStore(folder), ""
    if not store.folder.is_dir():
        if not (folder / "record.json").is_file():  # output_dir/runs/NAME
            raise UsageError(
                f"there are no runs in {folder}; give the output_dir of earlier runs, or the "
                "folder of one run below its runs/, for example: compare report outputs"
            )
        whole = folder.resolve()
        store, only = ResultStore(whole.parent.parent), whole.name
    records, damaged = store.records()
    kept = [r for r in records if not only or r.kind != "run" or r.name == only]
    return [(record, store) for record in kept], damaged
