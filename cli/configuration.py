"""From what Hydra composed to the typed configuration of a job."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.figures import check_optimised, check_primary
from cli.hydra_app import Composed
from cli.main import UsageError
from runners.configuration.experiment import ExperimentConfig
from runners.configuration.read import read


def experiment(composed: Composed, columns: Mapping[str, dict[str, Any]]) -> ExperimentConfig:
    """The configuration of one job.

    Args:
        composed: by Hydra.
        columns: values of every objective that models are measured under: those of the whole
            sweep, so that all its models stand in the same columns.

    Raises:
        UsageError: a key, a type or a value is wrong.
    """
    try:
        config = read({**composed.values, "columns": columns})
        own = config.probes[-1].name if composed.values.get("probe") else ""
        typed = any(each.lstrip("+").startswith("measures.primary=") for each in composed.overrides)
        check_primary(
            config.measures.primary, config.probes, composed.probes, measured=typed, own=own
        )
        check_optimised(config.optimise, config.probes, own=own)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return config


def sweep_columns(jobs: Sequence[Composed]) -> dict[str, dict[str, Any]]:
    """The columns of all jobs together, in the order in which they come up."""
    found: dict[str, dict[str, Any]] = {}
    for job in jobs:
        for name, values in job.columns.items():
            found.setdefault(name, values)
    return found
