"""`compare report`: the report of finished runs, built from their records alone."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from cli.main import UsageError
from cli.paths import shown
from results.report import write_report
from results.store import ResultStore


def main(arguments: Sequence[str]) -> int:
    """Build one report of all runs in some output directories."""
    parser = argparse.ArgumentParser(
        prog="compare report", description="Build the report of finished runs again."
    )
    parser.add_argument(
        "folders", nargs="*", metavar="DIR", help="output directories (default: outputs)"
    )
    folders = [Path(name) for name in parser.parse_args(arguments).folders or ["outputs"]]
    found = []
    for folder in folders:
        store = ResultStore(folder)
        if not store.folder.is_dir():
            raise UsageError(
                f"there are no runs in {folder}; give the output_dir of earlier runs, "
                "for example: compare report outputs"
            )
        try:
            found += [(record, store) for record in store.records()]
        except ValueError as error:
            raise UsageError(str(error)) from error
    try:
        report = write_report(
            found,
            folders[0] / "reports",
            command=shlex.join(["compare", "report", *map(str, folders)]),
        )
    except ValueError as error:
        raise UsageError(f"{', '.join(map(str, folders))}: {error}") from error
    print(f"report: {shown(report)}")
    return 0
