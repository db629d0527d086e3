"""`compare resume`: go on with a sweep where it was left, from the files that it froze."""

from collections.abc import Sequence

from cli.arguments import parser_of
from cli.hydra_app import parse
from cli.main import UsageError
from cli.paths import shown
from cli.prepare import prepare_files
from cli.progress import Display
from cli.study import Study
from cli.sweep import Sweep, add_place

EXAMPLES = """\
compare resume
compare resume outputs/sweeps/2026-11-26_09-30-00
"""


def main(arguments: Sequence[str]) -> int:
    """Skip what is finished, go on with what is half done, try again what failed, report.

    Returns:
        0, or 1 where a job failed.
    """
    about = (
        "Go on with a sweep as it was frozen when it began: what is finished is skipped, what is "
        "half done goes on from its last checkpoint, what failed is tried again; then the report."
    )
    parser = parser_of("resume", about, examples=EXAMPLES)
    add_place(parser)
    sweep = Sweep.find(parse(parser, arguments, help_by="compare resume --help").folder)
    files = sweep.files()
    if not files:
        raise UsageError(
            f"{shown(sweep.folder)} ended before its jobs were written down; run its command "
            f"again: {sweep.read()['command']}"
        )
    with Display() as display:
        study = Study(sweep.read()["command"], display, sweep)
        study.run(prepare_files(files, display))
        return study.report()
