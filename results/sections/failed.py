"""Runs that did not finish, with the reason."""

from results.comparison import Stratum
from results.page import Bullets, Section, code


def section(stratum: Stratum) -> Section | None:
    """A line each."""
    if not stratum.failed:
        return None
    return Section(
        "Failed runs", [Bullets([f"{code(run.name)}: {run.error}" for run in stratum.failed])]
    )
