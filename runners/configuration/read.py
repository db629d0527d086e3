"""From plain mappings to the configuration of a job: what Hydra composed, and what was written."""

import ast
import hashlib
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from models.checkpoint_size import PretrainedConfig
from models.config import ARCHITECTURES, BackboneConfig
from models.registry import find, names
from objectives.base import Objective
from objectives.schedule import Schedule
from objectives.trainable import OBJECTIVES, Trainable
from runners.configuration.build import build, chosen, pick, unknown_key
from runners.configuration.checkpoint import CheckpointConfig
from runners.configuration.experiment import PLACES, ExperimentConfig
from runners.corpora.document import CORPORA
from runners.measures.config import MeasuresConfig
from runners.measures.finish import FinishConfig
from runners.probes.base import PROBES, Probe
from runners.training.budget import BudgetConfig
from runners.training.trainer import OPTIMIZERS

GROUPS = ("model", "objective", "dataset", "budget", "trainer", "measures")

LONGEST_NAME = 60
"""Characters of an objective's name."""

_NAME = re.compile(r"[^./\\\x00-\x1f\ud800-\udfff][^/\\\x00-\x1f\ud800-\udfff]*")


def read(values: Mapping[str, Any]) -> ExperimentConfig:
    """The configuration of one job.

    Args:
        values: as Hydra composed them, with the values of each objective behind `columns`, by
            name; or as `written` (experiment.py) wrote them.

    Raises:
        ValueError: a key, a type or a value is wrong, or a plugin is not what it was.
    """
    known = {*GROUPS, "finish", "probe", "probes", "seed", "columns", *PLACES}
    for key in values:
        if key not in known:
            raise ValueError(unknown_key(f"setting {key}", key, sorted({*known, "experiment"})))
    contents = _contents(values["plugins"])
    plugins = [Path(path) for path in contents]
    if values["output_dir"] in (None, ""):
        raise ValueError("output_dir is empty; give it as output_dir=FOLDER")
    hub_dir = str("" if values["hub_dir"] is None else values["hub_dir"])
    size = model(values["model"], plugins)
    trainer = pick(OPTIMIZERS, _scaled(values["trainer"], size), "trainer", plugins)
    trained = values["objective"] and objective(values["objective"], plugins, "objective")
    if trained and trainer.rows_per_update is not None:
        trained = trained.with_rows(trainer.rows_per_update)
    return ExperimentConfig(
        seed=_whole(values["seed"], "seed", "a whole number from 0 up is expected"),
        model=size,
        objective=trained or None,
        dataset=pick(CORPORA, values["dataset"], "dataset", plugins),
        budget=build(BudgetConfig, values["budget"], "budget"),
        trainer=trainer,
        measures=build(MeasuresConfig, values["measures"], "measures"),
        columns=_columns(values["columns"], plugins),
        probes=_probes(values, plugins),
        finish=build(FinishConfig, values["finish"], "finish"),
        plugins=contents,
        output_dir=Path(str(values["output_dir"])).expanduser().resolve(),
        hub_dir=Path(hub_dir).expanduser() if hub_dir else None,
        workers=_whole(
            values["workers"],
            "workers",
            "a whole number is expected: processes, 0 as many as the processor's cores hold",
        ),
        hang_seconds=_seconds(values["hang_seconds"], "hang_seconds"),
        optimise=str(values["optimise"]),
    )


def model(values: Mapping[str, Any], plugins: Sequence[Path] = ()) -> BackboneConfig:
    """The size of our own blocks, or what a checkpoint says of itself."""
    if values.get("architecture") == "pretrained":
        sizes = {f.name for f in fields(PretrainedConfig)} - {
            f.name for f in fields(CheckpointConfig)
        }
        if "fingerprint" in values:  # written, with what its own configuration says
            values = {key: value for key, value in values.items() if key not in sizes}
        return build(CheckpointConfig, values, "model").read()
    return pick(ARCHITECTURES, values, "model", plugins)


def _scaled(trainer: Mapping[str, Any], size: BackboneConfig) -> Mapping[str, Any]:
    """With the scale of learning rates that is usual for what is trained, unless one is given."""
    if trainer.get("learning_rate_scale", 1.0) is not None:
        return trainer
    return {**trainer, "learning_rate_scale": size.rate_scale}


def model_kind(values: Mapping[str, Any], plugins: Sequence[Path] = ()) -> type[Any]:
    """The class whose settings a model's values are."""
    architecture = str(values.get("architecture"))
    if architecture == "pretrained":
        return CheckpointConfig
    return find(ARCHITECTURES, architecture, plugins)


def objective(values: Mapping[str, Any], plugins: Sequence[Path], where: str) -> Trainable:
    """The objective that `kind`, or without it `name`, names, with the other values."""
    if "name" not in values:
        raise ValueError(f"{where}.name is not set; it names the objective")
    name = str(values["name"])
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ValueError(
            f"{where}.name is {name!r}; folders are named by it: up to "
            f"{LONGEST_NAME} characters without a slash or a line break, of which the first is no "
            "full stop"
        )
    found, own = chosen(OBJECTIVES, objective_name(values), values, where, plugins)
    own.pop("kind", None)
    given: dict[str, Any] = {}
    if "terms" in own:  # a fusion's
        terms = own.pop("terms") or {}
        given["terms"] = {
            str(name): objective(term, plugins, f"{where}.terms.{name}")
            for name, term in terms.items()
        }
    own, schedules = _without_schedules(own, where)
    if schedules:
        given["schedules"] = tuple(sorted(schedules.items()))
    return build(found, own, where, given)


def objective_name(values: Mapping[str, Any]) -> str:
    """By which its class is found."""
    return str(values.get("kind") or values["name"])


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
    columns: Mapping[str, Mapping[str, Any]], plugins: Sequence[Path]
) -> tuple[Objective, ...]:
    """The objectives behind the columns; a fusion stands for its terms."""
    found: dict[str, Objective] = {}
    for name, values in columns.items():
        for column in objective(values, plugins, f"objective {name}").columns:
            found.setdefault(column.name, column)
    return tuple(found.values())


def _contents(plugins: Sequence[Any] | Mapping[str, str]) -> dict[str, str]:
    """SHA-256 by path; where one was written, it must be that still."""
    found = {}
    for given in plugins:
        path = Path(str(given)).expanduser().resolve()
        if not path.is_file():
            raise ValueError(f"plugins: there is no file {path}")
        content = path.read_bytes()
        _check_python(path, content)
        found[str(path)] = hashlib.sha256(content).hexdigest()
        if isinstance(plugins, Mapping) and plugins[given] != found[str(path)]:
            raise ValueError(
                f"plugins: {path} has changed since this was written: run the command again that "
                "it came from"
            )
    return found


def _check_python(path: Path, content: bytes) -> None:
    """Raise ValueError unless a plugin can be read as Python; nothing of it is run."""
    if path.suffix != ".py":
        raise ValueError(f"plugins: {path} is not a Python file; give the path of a .py file")
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(content)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise ValueError(f"plugins: {path}{line} is not Python: {error.msg}") from error
    except ValueError as error:  # a byte of 0
        raise ValueError(f"plugins: {path} is not Python: {error}") from error


def _probes(values: Mapping[str, Any], plugins: Sequence[Path]) -> tuple[Probe, ...]:
    found: dict[str, Probe] = {}
    places: dict[str, str] = {}
    own = values.get("probe")
    settings = {
        f"probes.{key}": (key, given) for key, given in (values.get("probes") or {}).items()
    }
    if own:  # the user's own table, at the top level so that probe.path=... names it
        settings["probe"] = (Path(str(own.get("path"))).stem or "probe", own)
    for place, (name, given) in settings.items():
        if not isinstance(given, Mapping) or "kind" not in given:
            known = ", ".join(names(PROBES, plugins))
            raise ValueError(f"{place}.kind is not set; known: {known}")
        if given.get("name") is not None:
            name = str(given["name"])
        if name in found:
            raise ValueError(
                f"{places[name]} and {place} are both named {name!r} in tables; give one another "
                f"name: {place}.name=OTHER"
            )
        found[name] = pick(PROBES, {**given, "name": name}, place, plugins)
        places[name] = place
    return tuple(found.values())


def _whole(value: Any, name: str, expected: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} is {value!r}; {expected}")
    return value


def _seconds(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{name} is {value!r}; a number of seconds above 0 is expected")
    return float(value)
