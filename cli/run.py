"""`compare run`: compose, check and prepare every job; run them; write the report."""

import contextlib
import shlex
from collections.abc import Sequence

from cli.figures import JobFailedError
from cli.help import answered
from cli.prepare import each_prepared
from cli.progress import Display
from cli.study import Study


def main(arguments: Sequence[str]) -> int:
    """Run the jobs of a command line.

    Returns:
        0, or 1 where a job failed.
    """
    if answered(arguments):
        return 0
    with Display() as display:
        study = Study(shlex.join(["compare", "run", *arguments]), display)
        with contextlib.suppress(JobFailedError):  # by which a sweeper may end; its record says why
            each_prepared(arguments, display, study.run, study.keep)
        return study.report()
