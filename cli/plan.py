"""`compare plan`: what `run` with the same arguments would do and take. It trains nothing."""

from collections.abc import Sequence

from cli.figures import announcement
from cli.help import answered
from cli.prepare import Prepared, prepare_all
from cli.progress import Display
from cli.tables import print_table
from cli.workers import wanted
from results.figures import quantity
from results.store import ResultStore
from runners.estimate import Estimate, Estimator, report_seconds


def main(arguments: Sequence[str]) -> int:
    """Print the table of jobs, what else is to be done, and how long all of it takes."""
    if answered(arguments, "plan"):
        return 0
    with Display() as display:
        prepared = prepare_all(arguments, display)
        jobs = prepared.jobs
        estimator = Estimator(ResultStore(jobs[0].config.output_dir))
        estimates = []
        for number, job in enumerate(jobs, start=1):
            display.job(number, len(jobs), prepared.names[number - 1])
            display.stage("timing a few steps")
            estimates.append(estimator.job(job))
        display.no_job()
        display.stage("timing baselines")
        references = estimator.references(jobs)
    print(f"{prepared.heading}; nothing is trained")
    print(announcement(jobs))
    print_table(_table(prepared, estimates), numbers=True)
    training = sum(estimate.seconds.get("training", 0.0) for estimate in estimates)
    measures = sum(sum(estimate.seconds.values()) for estimate in estimates) - training
    report = report_seconds(len(jobs))
    left = sum(not estimate.finished for estimate in estimates)
    at_a_time = wanted(jobs, left + len(references.untrained) + len(references.baselines))
    parts = {
        "training": training,
        "losses and probes": measures,
        "untrained models": sum(references.untrained.values()),
        "baselines": sum(references.baselines.values()),
        "report": report,
    }
    whole = report + (sum(parts.values()) - report) / at_a_time
    print(
        f"About {duration(whole)} in all with {at_a_time} process(es), on this machine as "
        "busy as it is now: "
        + ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items())
    )
    return 0


def _table(prepared: Prepared, estimates: Sequence[Estimate]) -> list[list[str]]:
    heads = ["job", "parameters", "updates", "corpus tokens", "FLOPs"]
    rows = [[*heads, "training", "losses", "probes", "disk"]]
    for job, name, expected in zip(prepared.jobs, prepared.names, estimates, strict=True):
        ledger = expected.ledger
        probes = _left(expected, "probe ") if job.tasks else "none"
        rows.append(
            [
                name,
                quantity(expected.parameters),
                f"{ledger.steps:,}",
                quantity(ledger.tokens),
                quantity(ledger.flops),
                _left(expected, "training"),
                _left(expected, "loss "),
                probes,
                f"{quantity(expected.disk)}B",
            ]
        )
    return rows


def _left(expected: Estimate, stage: str) -> str:
    left = [spent for name, spent in expected.seconds.items() if name.startswith(stage)]
    return duration(sum(left)) if left else "done already"


def duration(seconds: float) -> str:
    """In the unit that a reader would choose."""
    minutes = seconds / 60
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
