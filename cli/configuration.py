"""From what Hydra composed to the typed configuration of a job."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.build import build, pick, unknown_key
from cli.hydra_app import Composed
from cli.main import UsageError
from models.config import BackboneConfig
from objectives.base import Objective
from objectives.registry import find_objective
from objectives.schedule import Schedule
from runners.budget import BudgetConfig
from runners.corpora.kinds import CORPORA
from runners.experiment_config import ExperimentConfig, MeasuresConfig
from runners.model_config import CheckpointConfig
from runners.probes.base import Probe
from runners.probes.kinds import PROBES
from runners.trainer import TrainerConfig

GROUPS = ("model", "objective", "dataset", "budget", "trainer", "measures")


def experiment(composed: Composed, columns: Mapping[str, dict[str, Any]]) -> ExperimentConfig:
    """The configuration of one job.

    Args:
        composed: by Hydra.
        columns: values of every objective that models are measured under: those of the whole
            sweep, so that all its models stand in the same columns.

    Raises:
        UsageError: a key, a type or a value is wrong.
    """
    values = composed.values
    known = {*GROUPS, "probe", "probes", "seed", "columns", "output_dir", "hub_dir", "plugins"}
    for key in values:
        if key not in known:
            raise UsageError(unknown_key(f"setting {key}", key, sorted(known)))
    plugins = [Path(path) for path in values["plugins"]]
    trainer = build(TrainerConfig, values["trainer"], "trainer")
    trained = objective(values["objective"], plugins, "objective")
    if trainer.rows_per_update is not None:
        trained = trained.with_rows(trainer.rows_per_update)
    seed = values["seed"]
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UsageError(f"seed is {seed!r}; a whole number from 0 up is expected")
    try:
        return ExperimentConfig(
            seed=seed,
            model=model(values["model"]),
            objective=trained,
            dataset=pick(CORPORA, values["dataset"], "dataset"),
            budget=build(BudgetConfig, values["budget"], "budget"),
            trainer=trainer,
            measures=build(MeasuresConfig, values["measures"], "measures"),
            columns=_columns(columns, plugins),
            probes=_probes(values),
            plugins=_contents(plugins),
            output_dir=Path(values["output_dir"]).expanduser().resolve(),
            hub_dir=Path(values["hub_dir"]).expanduser() if values["hub_dir"] else None,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def model(values: Mapping[str, Any]) -> BackboneConfig:
    """The size of our own blocks, or what a checkpoint says of itself."""
    if values.get("architecture") == "pretrained":
        return build(CheckpointConfig, values, "model").read()
    return build(BackboneConfig, values, "model")


def objective(values: Mapping[str, Any], plugins: Sequence[Path], where: str) -> Objective:
    """The objective that `name` names, with the other values."""
    if "name" not in values:
        raise UsageError(f"{where}.name is not set; it names the objective")
    own = dict(values)
    try:
        kind = find_objective(str(own.pop("kind", None) or own["name"]), plugins)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error
    given: dict[str, Any] = {}
    if "terms" in own:  # a fusion's
        terms = own.pop("terms") or {}
        given["terms"] = {
            str(name): objective(term, plugins, f"{where}.terms.{name}")
            for name, term in terms.items()
        }
    own, schedules = _without_schedules(own, where)
    if schedules:
        given["schedules"] = tuple(schedules.items())
    return build(kind, own, where, given)


def _without_schedules(
    values: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], dict[str, Schedule]]:
    """Numbers in place of schedules, and the schedules by dotted name (`weights.mlm`)."""
    plain, schedules = dict(values), {}
    for key, value in values.items():
        if not isinstance(value, Mapping):
            continue
        if "schedule" in value:
            schedules[key] = build(Schedule, value, f"{where}.{key}")
            plain[key] = schedules[key].value(0.0)
        else:
            plain[key], inner = _without_schedules(value, f"{where}.{key}")
            schedules |= {f"{key}.{name}": schedule for name, schedule in inner.items()}
    return plain, schedules


def _columns(
    columns: Mapping[str, dict[str, Any]], plugins: Sequence[Path]
) -> tuple[Objective, ...]:
    """The objectives behind the columns; a fusion stands for its terms."""
    found: dict[str, Objective] = {}
    for name, values in columns.items():
        for column in objective(values, plugins, f"objective {name}").columns:
            found.setdefault(column.name, column)
    return tuple(found.values())


def sweep_columns(jobs: Sequence[Composed]) -> dict[str, dict[str, Any]]:
    """The columns of all jobs together, in the order in which they come up."""
    found: dict[str, dict[str, Any]] = {}
    for job in jobs:
        for name, values in job.columns.items():
            found.setdefault(name, values)
    return found


def _contents(plugins: Sequence[Path]) -> dict[str, str]:
    for path in plugins:
        if not path.is_file():
            raise UsageError(f"plugins: there is no file {path}")
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in plugins}


def _probes(values: Mapping[str, Any]) -> tuple[Probe, ...]:
    found = []
    for name, settings in (values.get("probes") or {}).items():
        found.append(pick(PROBES, {"name": name, **settings}, f"probes.{name}"))
    own = values.get("probe")
    if own:  # the user's own table, at the top level so that probe.path=... names it
        own = {**own, "name": own.get("name") or Path(str(own.get("path"))).stem}
        found.append(pick(PROBES, own, "probe"))
    names = [probe.name for probe in found]
    if len(set(names)) < len(names):
        raise UsageError(f"two probes have one name: {', '.join(names)}; set probe.name")
    return tuple(found)
