"""`compare cost`: what jobs would take of machines that are not here. Nothing is trained."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from cli.arguments import parser_of
from cli.configuration import experiment, sweep_columns
from cli.hydra_app import collect
from cli.main import UsageError
from cli.naming import job_names
from cli.plan import duration
from cli.tables import print_table
from models.checkpoint_size import PretrainedConfig
from results.figures import quantity
from runners.configuration.experiment import ExperimentConfig
from runners.cost_model import Cost, cost
from runners.hardware import matrix_rates

EXAMPLES = """\
compare cost objective=clm,mlm,simcse -m model=base budget=tokens budget.amount=3e9
compare cost objective=mlm model=large trainer.processes=64 --rate 3e14 --bandwidth 5e10
compare cost objective=simcse trainer.micro_batch_rows=32,null -m model=base
"""


def main(arguments: Sequence[str]) -> int:
    """Print a line on every job."""
    parser = _parser()
    parsed, given = parser.parse_known_args(list(arguments))
    composed = collect(given)
    columns = sweep_columns(composed)
    jobs = [_Uncounted(experiment(job, columns)) for job in composed]
    several = max(job.config.trainer.processes for job in jobs) > 1
    if several and parsed.bandwidth is None:
        raise UsageError(
            "several processes send each other their gradients: say how fast, in bytes a second, "
            "as in --bandwidth 1.25e9 for 10 Gbit/s"
        )
    rate = parsed.rate or max(matrix_rates("cpu", seconds=1.0).values())
    rows = [["job", "parameters", "updates", "tokens", "FLOPs", "time", "memory", "sent"]]
    names = job_names(jobs, [job.overrides for job in composed])
    for job, name in zip(jobs, names, strict=True):
        rows.append([name, *_cells(_cost(job.config, rate, parsed.bandwidth or 1.0))])
    print_table(rows, numbers=True)
    where = "as it was given" if parsed.rate else "as this machine's matrix products run"
    print(f"counted, not timed: each device does {quantity(rate)}FLOP/s, {where}")
    print(
        "memory: of each process, with weights, optimizer and the update; sent: by each, an update"
    )
    return 0


@dataclass(frozen=True, slots=True)
class _Uncounted:
    """A job without its corpus."""

    config: ExperimentConfig

    @property
    def label(self) -> str:
        return self.config.objective.name if self.config.objective else "untrained"


def _cost(config: ExperimentConfig, rate: float, bandwidth: float) -> Cost:
    if config.objective is None or isinstance(config.model, PretrainedConfig):
        raise UsageError("compare cost counts trainings from scratch: leave out model=pretrained")
    trainer = config.trainer
    dtype = "float32" if trainer.dtype == "auto" else trainer.dtype
    trainer = replace(trainer, device="cpu", dtype=dtype, processes=max(1, trainer.processes))
    dataset = config.dataset
    return cost(
        replace(config.recipe, trainer=trainer),
        vocabulary=dataset.vocabulary_size,
        length=dataset.sequence_length,
        rate=rate,
        bandwidth=bandwidth,
    )


def _cells(found: Cost) -> list[str]:
    ledger = found.ledger
    return [
        quantity(found.parameters),
        f"{ledger.steps:,}",
        quantity(ledger.tokens),
        quantity(ledger.flops),
        duration(ledger.seconds),
        f"{quantity(found.memory)}B",
        f"{quantity(found.traffic)}B",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "cost",
        "What jobs would take, of models and machines that need not be here: tokens, operations, "
        "time, memory and traffic. Nothing is read, trained or timed.",
        examples=EXAMPLES,
        more="All else is as for `compare run`. Rows are taken to be full, and training alone is "
        "counted; `compare plan` reads the corpus, times a few steps here and knows of probes too.",
    )
    parser.allow_abbrev = False
    for name, word in (
        (
            "rate",
            "FLOP/s that a device does, such as 0.4 of what its maker states (default: this one's)",
        ),
        ("bandwidth", "bytes a second that a process sends to the next"),
    ):
        parser.add_argument(f"--{name}", type=_positive, metavar="NUMBER", help=word)
    parser.error = _error  # type: ignore[method-assign]
    return parser


def _positive(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(
            f"a number above 0 is expected, such as 3e14, not {text!r}"
        )
    return found


def _error(message: str) -> NoReturn:
    raise UsageError(f"{message}; `compare cost --help` shows what there is")
