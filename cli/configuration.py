"""From what Hydra composed to the typed configuration of a job."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.build import build, pick, unknown_key
from cli.figures import check_primary
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
    places = {"output_dir", "hub_dir", "plugins", "workers"}
    known = {*GROUPS, "probe", "probes", "seed", "columns", *places}
    for key in values:
        if key not in known:
            raise UsageError(unknown_key(f"setting {key}", key, sorted({*known, "experiment"})))
    plugins = [Path(str(path)).expanduser() for path in values["plugins"]]
    if values["output_dir"] in (None, ""):
        raise UsageError("output_dir is empty; give it as output_dir=FOLDER")
    hub_dir = str("" if values["hub_dir"] is None else values["hub_dir"])
    trainer = build(TrainerConfig, values["trainer"], "trainer")
    trained = objective(values["objective"], plugins, "objective")
    if trainer.rows_per_update is not None:
        trained = trained.with_rows(trainer.rows_per_update)
    seed = values["seed"]
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UsageError(f"seed is {seed!r}; a whole number from 0 up is expected")
    workers = values["workers"]
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 0:
        raise UsageError(
            f"workers is {workers!r}; a whole number is expected: jobs at a time, 0 as many as the "
            "processor's cores hold"
        )
    probes = _probes(values)
    measures = build(MeasuresConfig, values["measures"], "measures")
    check_primary(measures.primary, probes, composed.probes)
    try:
        return ExperimentConfig(
            seed=seed,
            model=model(values["model"]),
            objective=trained,
            dataset=pick(CORPORA, values["dataset"], "dataset"),
            budget=build(BudgetConfig, values["budget"], "budget"),
            trainer=trainer,
            measures=measures,
            columns=_columns(columns, plugins),
            probes=probes,
            plugins=_contents(plugins),
            output_dir=Path(str(values["output_dir"])).expanduser().resolve(),
            hub_dir=Path(hub_dir).expanduser() if hub_dir else None,
            workers=workers,
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
    try:
        kind = objective_kind(values, plugins)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error
    own = {key: value for key, value in values.items() if key != "kind"}
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


def objective_kind(values: Mapping[str, Any], plugins: Sequence[Path] = ()) -> type[Objective]:
    """The class that `kind`, or without it `name`, names."""
    return find_objective(str(values.get("kind") or values["name"]), plugins)


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
    found: dict[str, Probe] = {}
    places: dict[str, str] = {}
    own = values.get("probe")
    settings = {
        f"probes.{key}": (key, given) for key, given in (values.get("probes") or {}).items()
    }
    if own:  # the user's own table, at the top level so that probe.path=... names it
        settings["probe"] = (Path(str(own.get("path"))).stem, own)
    for place, (name, given) in settings.items():
        if not isinstance(given, Mapping) or "kind" not in given:
            raise UsageError(f"{place}.kind is not set; known: {', '.join(PROBES)}")
        if given.get("name") is not None:
            name = str(given["name"])
        if name in found:
            raise UsageError(
                f"{places[name]} and {place} are both named {name!r} in tables; give one another "
                f"name: {place}.name=OTHER"
            )
        found[name] = pick(PROBES, {**given, "name": name}, place)
        places[name] = place
    return tuple(found.values())
