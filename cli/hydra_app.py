"""Hydra, called as a library: arguments in any order, and one clear message for a mistake."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    InterpolationToMissingValueError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from cli.build import unknown_key
from cli.main import UsageError

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "conf"

_OLD = hydra.__version__.startswith("1.3.")

VERSION_BASE: dict[str, Any] = {"version_base": "1.3"} if _OLD else {}
"""Hydra 1.3 asks for it, 1.4 asks to leave it out."""


@dataclass(frozen=True, slots=True)
class Composed:
    """What Hydra made of the command line, for one job.

    Attributes:
        values: the resolved configuration, plain.
        columns: of each objective that models are measured under, the values of its YAML.
    """

    values: dict[str, Any]
    columns: dict[str, dict[str, Any]]


@cache
def invocation() -> str:
    """A name for this call that no other call has, not even one in the same second."""
    return f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{os.getpid()}"


_register: Any = OmegaConf.register_new_resolver if _OLD else OmegaConf.register_resolver
_register("invocation", invocation, replace=True)


def in_order(arguments: Sequence[str]) -> list[str]:
    """Flags first, then overrides: Hydra 1.3 rejects flags between overrides."""
    overrides = list(get_args_parser().parse_intermixed_args(list(arguments)).overrides)
    flags = list(arguments)
    for override in reversed(overrides):  # from the end, where equal words are overrides
        del flags[len(flags) - 1 - flags[::-1].index(override)]
    return flags + overrides


def only_shows(arguments: Sequence[str]) -> bool:
    """Whether Hydra is asked to print something (help, configuration) rather than to run."""
    parsed = get_args_parser().parse_intermixed_args(list(arguments))
    asked = (parsed.help, parsed.hydra_help, parsed.cfg, parsed.info, parsed.shell_completion)
    return any(asked)


def call_hydra(arguments: Sequence[str], task: Callable[[DictConfig], None]) -> None:
    """Let Hydra compose and launch.

    Args:
        arguments: of the sub-command.
        task: called with every job's configuration.

    Raises:
        UsageError: an argument or the configuration is wrong.
    """
    decorated = hydra.main(config_path=str(CONFIG_FOLDER), config_name="config", **VERSION_BASE)(
        task
    )
    command = ["compare run", *in_order(arguments)]
    # Without HYDRA_FULL_ERROR Hydra prints errors in its own way and exits with 1.
    with patch.object(sys, "argv", command), patch.dict(os.environ, HYDRA_FULL_ERROR="1"):
        try:
            decorated()
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise UsageError(explain(error, arguments)) from error


def collect(arguments: Sequence[str]) -> list[Composed]:
    """Compose every job of a command without running any.

    Raises:
        UsageError: some job's configuration is wrong, so that nothing should be run.
    """
    found: list[Composed] = []
    call_without_output(arguments, lambda config: found.append(_composed(config)))
    return found


def call_without_output(arguments: Sequence[str], task: Callable[[DictConfig], None]) -> None:
    """Let Hydra compose and call the task, and keep no output directory of its own."""
    with tempfile.TemporaryDirectory(prefix="compare-") as scratch:
        quiet = [f"hydra.run.dir={scratch}", f"hydra.sweep.dir={scratch}", "hydra/launcher=basic"]
        call_hydra([*arguments, *quiet, "hydra.output_subdir=null"], task)


def compose_option(group: str, option: str, overrides: Sequence[str] = ()) -> Any:
    """The values of one option of a group, as its YAML has them. Hydra must be running."""
    config = hydra.compose(config_name="config", overrides=[f"{group}={option}", *overrides])
    return OmegaConf.to_container(config[group], resolve=True)


def _composed(config: DictConfig) -> Composed:
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    overrides = HydraConfig.get().overrides.task
    if values.get("plugins") and not any(o.lstrip("+").startswith("plugins=") for o in overrides):
        raise UsageError(
            "plugins names files that would be executed, so it is taken from the command line "
            "only: plugins=[my_objective.py]"
        )
    choice = HydraConfig.get().runtime.choices["objective"]
    columns: dict[str, dict[str, Any]] = {}
    for option in [*values["columns"], choice]:
        canonical = compose_option("objective", option)
        columns.setdefault(str(canonical.get("name", option)), canonical)
    return Composed({str(key): value for key, value in values.items()}, columns)


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """One message in place of Hydra's several, with the nearest valid name."""
    text = str(error).strip()
    first = " ".join(text.splitlines()[0].split())
    if isinstance(error, MissingMandatoryValue | InterpolationToMissingValueError):
        named = first.rpartition("Missing mandatory value: ")[2]  # of another key's ${...}
        key = error.full_key if isinstance(error, MissingMandatoryValue) else named
        return f"{key} is not set; give it as {key}=VALUE"
    if isinstance(error, OverrideParseException):
        return f"the argument {error.override!r} cannot be read: {first}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        known = [name for name in error.options or [] if "/" not in name]
        if known:
            return unknown_key(f"{group or 'configuration'} named {option!r}", option, known)
    if "Ambiguous value for argument" in text:
        argument = first.split("'")[1]
        return f"{argument} has several values: add -m to run one job for each"
    if text.startswith(("Could not override", "Could not append")):
        key = first.split("'")[1].lstrip("+~").split("=")[0]
        leaf = key.rsplit(".", 1)
        siblings = _known_keys(leaf[0] if len(leaf) == 2 else "", arguments)
        if siblings:
            return unknown_key(f"setting {key}", leaf[-1], siblings)
    return first


def _known_keys(parent: str, arguments: Sequence[str]) -> list[str]:
    """The keys below a place of the configuration with the options chosen in the same group, or
    at the top the names of the groups.
    """  # noqa: D205
    group = f"{parent.split('.')[0]}="
    chosen = [a for a in arguments if a.startswith(group) and not set(a) & set(",(*")]
    with hydra.initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        config = hydra.compose("config", overrides=chosen)
        node = OmegaConf.select(config, parent) if parent else config
        keys = [str(key) for key in node] if isinstance(node, DictConfig) else []
    return (
        keys
        if parent
        else sorted(
            {*keys, *(p.name for p in CONFIG_FOLDER.iterdir() if p.is_dir())} - {"__pycache__"}
        )
    )
