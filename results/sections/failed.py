"""Runs that did not finish, with the reason: those that diverged apart from all others."""

from collections.abc import Sequence

from results.comparison import Stratum
from results.page import Block, Bullets, Prose, Section, code
from results.record import RunRecord


def section(stratum: Stratum) -> Section | None:
    """A line each."""
    diverged = [run for run in stratum.failed if run.is_diverged]
    failed = [run for run in stratum.failed if not run.is_diverged]
    blocks: list[Block] = []
    if diverged:
        said = (
            "These came to numbers that are not finite, and are not ranked. Given again, the "
            "command goes on from the last checkpoint before, and comes to them at the same step."
        )
        blocks += [Prose(said), _lines(diverged)]
    if failed:
        blocks.append(_lines(failed))
    kinds = [kind for kind, runs in (("diverged", diverged), ("failed", failed)) if runs]
    return Section(f"{' and '.join(kinds).capitalize()} runs", blocks) if kinds else None


def _lines(runs: Sequence[RunRecord]) -> Bullets:
    return Bullets([f"{code(run.name)}: {run.error}" for run in runs])
