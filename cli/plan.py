"""`compare plan`: what `run` with the same arguments would do and take. It trains nothing."""

from collections.abc import Sequence

from cli.help import answered
from cli.prepare import prepare_jobs
from cli.progress import Display
from cli.tables import print_table
from results.tables import quantity
from runners.estimate import estimate
from runners.hardware import describe


def main(arguments: Sequence[str]) -> int:
    """Print the table of jobs."""
    if answered(arguments):
        return 0
    with Display() as display:
        prepared = prepare_jobs(arguments, display)
        jobs = prepared.jobs
        estimates = []
        for number, job in enumerate(jobs, start=1):
            display.job(number, len(jobs), prepared.names[number - 1])
            display.stage("timing a few steps")
            estimates.append(estimate(job))
    print(f"{len(jobs)} job(s) on {describe(jobs[0].config.trainer)}; nothing is trained")
    rows = [["job", "parameters", "updates", "corpus tokens", "FLOPs", "training", "disk"]]
    for job, expected in zip(jobs, estimates, strict=True):
        ledger = expected.ledger
        rows.append(
            [
                f"{job.label}, seed {job.config.seed}",
                quantity(expected.parameters),
                f"{ledger.steps:,}",
                quantity(ledger.tokens),
                quantity(ledger.flops),
                "done already" if expected.finished else _duration(ledger.seconds),
                f"{quantity(expected.disk)}B",
            ]
        )
    print_table(rows, numbers=True)
    left = [expected for expected in estimates if not expected.finished]
    print(
        f"Training: about {_duration(sum(expected.ledger.seconds for expected in left))} for "
        f"{len(left)} job(s), on this machine as busy as it is now; losses and probes come on top."
    )
    return 0


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
