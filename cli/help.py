"""`compare run --help`: one screen; with `all` or a choice, every setting with a word about it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from cli.explain import groups
from cli.first_screen import ALL, HEADS, Row, print_groups, print_rows
from cli.hydra_app import call_hydra, call_without_output, shown_only
from models.registry import Kind, find
from objectives.schedule import Schedule
from objectives.trainable import OBJECTIVES
from runners.configuration.read import model_kind, objective_name
from runners.corpora.document import CORPORA
from runners.measures.config import MeasuresConfig
from runners.probes.base import PROBES
from runners.training.budget import BudgetConfig
from runners.training.trainer import OPTIMIZERS

GENERAL = {
    "seed": "whole number: of weights, order of rows, corruption and dropout",
    "columns": "objectives under whose loss every model is measured; those of a sweep are added",
    "output_dir": "everything that is written goes below this folder",
    "workers": "processes that share the work; 0: as many as the cores hold",
    "hub_dir": "a folder, with a data set in each subfolder, that takes the hub's place; or null",
    "plugins": "Python files with objectives of your own",
}
"""Settings that belong to no group."""

WORDS = {
    "kind": "what it is",
    "architecture": "the family of blocks, or a checkpoint",
    "from_flops": "the preset that is taken, from so many training operations on",
}
"""Of settings that no dataclass has."""

FOOT = """\
A path or name with brackets, commas, = or quotes in it is quoted twice:
"dataset.path='my (old) texts'". `compare list objectives` (models, datasets,
probes, runs) says what each option is.
"""


def answered(arguments: Sequence[str], command: str = "run") -> bool:
    """Whether a flag asks to print something (help, configuration), which then is printed."""
    asked = shown_only(arguments)
    if asked == "help":
        print_help(arguments, command)
    elif asked:
        call_hydra(arguments, lambda config: None, strict=asked == "cfg")
    return bool(asked)


def print_help(arguments: Sequence[str], command: str = "run") -> None:
    """Groups with their options; and with ALL, or where `arguments` choose, their settings."""
    given = [argument for argument in arguments if argument not in ("--help", "-h")]
    chosen = [argument for argument in given if argument != ALL]
    whole = ALL in given or any("=" in a or a.startswith("~") for a in chosen)
    call_without_output(chosen, _Screen(HEADS[command], whole))


class _Screen:
    """What Hydra calls with a job, or from a launcher of ours with those of a sweep, of which the
    first is shown.
    """  # noqa: D205

    def __init__(self, head: str, whole: bool) -> None:
        self._head, self._whole = head, whole

    def __call__(self, config: DictConfig) -> None:
        _print(config, head=self._head, whole=self._whole)

    def compose(self, config: DictConfig) -> DictConfig:
        return config

    def run(self, jobs: Sequence[DictConfig]) -> list[float]:
        self(jobs[0])
        return [0.0] * len(jobs)


def settings_of(values: Mapping[str, Any]) -> dict[str, list[Row]]:
    """By heading, a row for each setting of a configuration, which may lack values."""
    sections = {"": [(f"{name}={_shown(values[name])}", word) for name, word in GENERAL.items()]}
    plugins = [Path(str(path)) for path in values["plugins"]]
    kinds: dict[str, Any] = {
        "objective": find(OBJECTIVES, objective_name(values["objective"]), plugins),
        "dataset": _named(CORPORA, values["dataset"], plugins),
        "model": model_kind(values["model"], plugins),
        "budget": BudgetConfig,
        "trainer": _named(OPTIMIZERS, values["trainer"], plugins),
        "measures": MeasuresConfig,
    }
    probes = {f"probes.{name}": given for name, given in (values.get("probes") or {}).items()}
    if values.get("probe"):
        probes["probe"] = values["probe"]
    kinds |= {name: _named(PROBES, given, plugins) for name, given in probes.items()}
    for name, kind in kinds.items():
        sections[name] = _rows(values.get(name) or probes[name], kind, f"{name}.", plugins)
    return sections


def _named(kind: Kind[Any], values: Mapping[str, Any], plugins: Sequence[Path]) -> Any:
    """The class that values name; None while they name none."""
    return find(kind, values["kind"], plugins) if values.get("kind") else None


def _print(config: DictConfig, *, head: str, whole: bool) -> None:
    values: Any = OmegaConf.to_container(config, resolve=False)
    loader = GlobalHydra.instance().config_loader()
    print_groups(head, {group: loader.get_group_options(group) for group in groups()}, whole=whole)
    if not whole:
        return
    for name, rows in settings_of({**values, "hub_dir": config.hub_dir}).items():
        print(f"\nSettings of {name}, with their values here:" if name else "\nSettings:")
        print_rows(rows)
    print(f"\n{FOOT}", end="")


def _rows(values: Mapping[str, Any], kind: Any, prefix: str, plugins: Sequence[Path]) -> list[Row]:
    """The settings of one dataclass, those of dataclasses inside it under dotted names."""
    words = attributes(kind) if kind else {}
    hints = get_type_hints(kind) if kind else {}
    found: list[Row] = []
    for name, value in values.items():
        inner = Schedule if isinstance(value, Mapping) and "schedule" in value else hints.get(name)
        if name == "terms":
            for term, given in value.items():
                own = find(OBJECTIVES, objective_name(given), plugins)
                found += _rows(given, own, f"{prefix}terms.{term}.", plugins)
        elif isinstance(value, Mapping) and is_dataclass(inner):
            found += _rows(value, inner, f"{prefix}{name}.", plugins)
        else:
            word = WORDS.get(name) or words.get(name, "").rstrip(".")
            about = ": ".join(filter(None, (_type(hints.get(name)), word)))
            found.append((f"{prefix}{name}={_shown(value)}", about))
    return found


def attributes(kind: type[Any]) -> dict[str, str]:
    """What the `Attributes:` sections of a class and its ancestors say, by name."""
    found: dict[str, str] = {}
    for ancestor in kind.__mro__:
        section = cleandoc(ancestor.__doc__ or "").partition("\nAttributes:\n")[2]
        entries = re.split(r"\n    (?=\w)", "\n" + section.split("\n\n")[0])
        for entry in entries[1:]:
            names, _, text = entry.partition(":")
            for name in names.split(","):
                found.setdefault(name.strip(), " ".join(text.split()))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return "VALUE" if value == "???" else str(value)


def _type(hint: Any) -> str:
    """In words that a user knows; "" where the value says it."""
    if get_origin(hint) in (Union, UnionType):
        inner = [_type(argument) for argument in get_args(hint) if argument is not NoneType]
        return f"{' or '.join(filter(None, inner))} or null"
    if get_origin(hint) is tuple:
        return "list"
    names = {float: "number", int: "whole number", str: "text", bool: "true or false"}
    return names.get(hint, "")
