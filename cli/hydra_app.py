"""Hydra, called as a library: arguments in any order, and one clear message for a mistake."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from unittest.mock import patch

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cli.auto import TAKEN, with_presets
from cli.explain import CONFIG_FOLDER, VERSION_BASE, explain
from cli.main import UsageError
from cli.overrides import check_overrides


@dataclass(frozen=True, slots=True)
class Composed:
    """What Hydra made of the command line, for one job.

    Attributes:
        values: the resolved configuration, plain.
        columns: of each objective that models are measured under, the values of its YAML.
        overrides: of the command line and of what it sweeps.
        probes: the options of the group `probe`, chosen or not.
        auto: the preset that `model=auto` took, or "".
    """

    values: dict[str, Any]
    columns: dict[str, dict[str, Any]]
    overrides: tuple[str, ...]
    probes: tuple[str, ...]
    auto: str = ""


def in_order(arguments: Sequence[str]) -> list[str]:
    """Flags first, then overrides: Hydra 1.3 rejects flags between overrides.

    Raises:
        UsageError: a flag or an override that no command can have.
    """
    overrides = list(_parsed(arguments).overrides)
    flags = list(arguments)
    for override in reversed(overrides):  # from the end, where equal words are overrides
        del flags[len(flags) - 1 - flags[::-1].index(override)]
    return flags + check_overrides(overrides)


def shown_only(arguments: Sequence[str]) -> str:
    """What Hydra is asked to print rather than to run (`help`, `cfg`, ...), or ""."""
    parsed = _parsed(arguments)
    flags = ("help", "hydra_help", "cfg", "info", "shell_completion")
    return next((flag for flag in flags if getattr(parsed, flag)), "")


def _parsed(arguments: Sequence[str]) -> Any:
    return parse(get_args_parser(), arguments, help_by="compare run --help")


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str], *, help_by: str) -> Any:
    """Flags and other words in any order; a mistake is one line that says who helps."""

    def error(message: str) -> NoReturn:
        unknown = next((a for a in arguments if a in message.split() and a[:2] == "--"), "")
        name = unknown.lstrip("-").partition("=")[0]
        if name and message.startswith("unrecognized"):
            message += f"; settings are written without dashes: {name}=VALUE"
        raise UsageError(f"{message}; `{help_by}` shows what there is")

    parser.error = error  # type: ignore[method-assign]
    return parser.parse_intermixed_args(list(arguments))


def call_hydra(
    arguments: Sequence[str],
    task: Callable[[DictConfig], None],
    more: Sequence[str] = (),
    *,
    strict: bool = False,
) -> None:
    """Let Hydra compose.

    Args:
        arguments: of the sub-command.
        task: called with every job's configuration.
        more: overrides of our own.
        strict: a budget that no preset suits is an error where the model is `auto`.

    Raises:
        UsageError: an argument or the configuration is wrong.
    """
    errors: list[Exception] = []

    def guarded(config: DictConfig) -> None:  # Hydra would print a line of its own
        try:
            task(config)
        except (UsageError, OmegaConfBaseException, HydraException) as error:
            errors.append(error)
        except ValueError as error:  # of reading what was composed
            errors.append(UsageError(str(error)))

    decorated = hydra.main(config_path=str(CONFIG_FOLDER), config_name="config", **VERSION_BASE)(
        guarded
    )
    command = ["compare run", *in_order(arguments), *more]
    # Without HYDRA_FULL_ERROR Hydra prints errors in its own way and exits with 1.
    with (
        patch.object(sys, "argv", command),
        patch.dict(os.environ, HYDRA_FULL_ERROR="1"),
        with_presets(strict=strict),
        # It would compose all jobs of a sweep once more, and we run none until all are composed.
        patch.object(Sweeper, "validate_batch_is_legal"),
    ):
        try:
            decorated()
            if errors:
                raise errors[0]
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise UsageError(explain(error, arguments)) from error


def collect(arguments: Sequence[str]) -> list[Composed]:
    """Compose every job of a command without running any.

    Raises:
        UsageError: some job's configuration is wrong, so that nothing should be run.
    """
    found: list[Composed] = []
    options: dict[str, Any] = {}  # composing takes a tenth of a second
    call_without_output(
        arguments, lambda config: found.append(_composed(config, options)), strict=True
    )
    return found


def call_without_output(
    arguments: Sequence[str], task: Callable[[DictConfig], None], *, strict: bool = False
) -> None:
    """Let Hydra compose and call the task, and keep no output directory of its own."""
    _parsed(arguments)  # a flag without its value would take ours
    with tempfile.TemporaryDirectory(prefix="compare-") as scratch:
        quiet = [f"hydra.run.dir={scratch}", f"hydra.sweep.dir={scratch}"]
        call_hydra(arguments, task, [*quiet, "hydra.output_subdir=null"], strict=strict)


def compose_option(group: str, option: str, overrides: Sequence[str] = ()) -> Any:
    """The values of one option of a group, as its YAML has them. Hydra must be running."""
    config = hydra.compose(config_name="config", overrides=[f"{group}={option}", *overrides])
    return OmegaConf.to_container(config[group], resolve=True)


def _composed(config: DictConfig, options: dict[str, Any]) -> Composed:
    _check_choices(config)
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
        if option not in options:
            options[option] = compose_option("objective", option)
        canonical = options[option]
        columns.setdefault(str(canonical.get("name", option)), canonical)
    return Composed(
        values={str(key): value for key, value in values.items()},
        columns=columns,
        overrides=tuple(overrides),
        probes=tuple(GlobalHydra.instance().config_loader().get_group_options("probe")),
        auto=HydraConfig.get().runtime.choices.get(TAKEN, ""),
    )


def _check_choices(config: DictConfig) -> None:
    """Raise UsageError where Hydra would merge, drop or run something else than what was meant."""
    settings = HydraConfig.get()
    for group in ("objective", "model", "dataset", "budget", "trainer", "measures"):
        if not isinstance(settings.runtime.choices.get(group), str):
            raise UsageError(
                f"{group} takes one option, {group}=OPTION; several are a sweep, "
                f"{group}=OPTION,OPTION -m"
            )
    for name in ("columns", "plugins"):
        if not isinstance(config.get(name), ListConfig):
            value = config.get(name)
            raise UsageError(f"{name} is {value!r}; a list is expected, {name}=[{value}]")
    names = [o.lstrip("+").partition("=")[0] for o in settings.overrides.task]
    swept = [name for name in settings.sweeper.params or {} if name not in names]
    if settings.mode == RunMode.RUN and swept:
        raise UsageError(
            f"this experiment is a sweep over {' and '.join(swept)}: add -m, or set "
            + " and ".join(f"{name}=VALUE" for name in swept)
        )
    defaults = (
        GlobalHydra.instance()
        .config_loader()
        .compute_defaults_list("config", list(settings.overrides.task), RunMode.RUN)
    )
    own = [
        str(default.config_path).removeprefix("probe/")
        for default in defaults.defaults
        if default.package == "probe"
    ]
    if len(own) > 1:
        forms = " ".join(
            f"+probe@probes.NAME{number}={option} probes.NAME{number}.path=FILE"
            for number, option in enumerate(own, start=1)
        )
        raise UsageError(f"{' and '.join(own)} would be merged into one probe; name each: {forms}")
