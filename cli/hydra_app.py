"""Hydra, called as a library: arguments in any order, and one clear message for a mistake."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
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
from runners.configuration.experiment import PLACES
from runners.configuration.read import GROUPS


@dataclass(frozen=True, slots=True)
class Composed:
    """What Hydra made of the command line, for one job.

    Attributes:
        values: the resolved configuration, plain.
        columns: of each objective that models are measured under, the values of its YAML.
        overrides: of the command line and of what it sweeps.
        probes: the options of the group `probe`, chosen or not.
        auto: the preset that `model=auto` took, or "".
        inline: whether jobs run in this process, one after the other.
    """

    values: dict[str, Any]
    columns: dict[str, dict[str, Any]]
    overrides: tuple[str, ...]
    probes: tuple[str, ...]
    auto: str = ""
    inline: bool = False


LAUNCHERS = ("processes", "inline")
"""Hydra's options that run jobs here (hydra_plugins/)."""

Take = Callable[[list[Composed]], Sequence[float | Exception]]
"""What a batch of jobs is given to; it returns what a sweeper optimises."""


class _Batches:
    """What Hydra calls: with one job, or from a launcher of ours with those of a batch."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._options: dict[str, Any] = {}  # composing takes a tenth of a second

    def __call__(self, config: DictConfig) -> None:
        self.run([self.compose(config)])

    def compose(self, config: DictConfig) -> Composed:
        return _composed(config, self._options)

    def run(self, jobs: list[Composed]) -> Sequence[float | Exception]:
        return self._take(jobs)


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
            group, dot, rest = name.partition(".")
            known = get_close_matches(group, [*GROUPS, *PLACES, "seed", "columns", "finish"], n=1)
            name = "".join([*known, dot, rest]) if known else name
            message += f"; settings are written without dashes: {name}=VALUE"
        raise UsageError(f"{message}; `{help_by}` shows what there is")

    parser.error = error  # type: ignore[method-assign]
    return parser.parse_intermixed_args(list(arguments))


class _Guarded:
    """A task whose errors are kept, where Hydra would print a line of its own."""

    def __init__(self, task: Callable[[DictConfig], None]) -> None:
        self._task = task
        self.errors: list[Exception] = []

    def __call__(self, config: DictConfig) -> None:
        try:
            self._task(config)
        except (OmegaConfBaseException, HydraException, UnicodeDecodeError) as error:
            self.errors.append(error)
        except ValueError as error:  # of reading what was composed
            self.errors.append(UsageError(str(error)))
        except Exception as error:
            self.errors.append(error)

    def __getattr__(self, name: str) -> Any:  # of a launcher of ours, which lets errors pass
        return getattr(self._task, name)


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
    guarded = _Guarded(task)
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
            if guarded.errors:
                raise guarded.errors[0]
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise UsageError(explain(error, arguments)) from error


def collect(arguments: Sequence[str]) -> list[Composed]:
    """Compose every job of a command without running any.

    Raises:
        UsageError: some job's configuration is wrong, so that nothing should be run.
    """
    found: list[Composed] = []

    def take(jobs: list[Composed]) -> list[float | Exception]:
        found.extend(jobs)
        return [0.0] * len(jobs)

    each_batch(arguments, take)
    return found


def each_batch(
    arguments: Sequence[str], take: Take, keep: Callable[[Path], None] | None = None
) -> None:
    """Give the jobs of a command to `take`: all at once, or as its sweeper asks for them.

    Args:
        arguments: of the sub-command.
        take: runs a batch.
        keep: called at the end with the folder where a sweeper may have written.

    Raises:
        UsageError: some job's configuration is wrong; no job of its batch was taken.
    """
    call_without_output(arguments, _Batches(take), strict=True, keep=keep)


def call_without_output(
    arguments: Sequence[str],
    task: Callable[[DictConfig], None],
    *,
    strict: bool = False,
    keep: Callable[[Path], None] | None = None,
) -> None:
    """Let Hydra compose and call the task, and keep no output directory of its own."""
    _parsed(arguments)  # a flag without its value would take ours
    with tempfile.TemporaryDirectory(prefix="compare-") as scratch:
        quiet = [f"hydra.run.dir={scratch}", f"hydra.sweep.dir={scratch}"]
        call_hydra(arguments, task, [*quiet, "hydra.output_subdir=null"], strict=strict)
        if keep is not None:
            keep(Path(scratch))


def compose_option(group: str, option: str, overrides: Sequence[str] = ()) -> Any:
    """The values of one option of a group, as its YAML has them. Hydra must be running.

    One of ours is composed from its own files; one of the user's may refer to anything.
    """
    if not overrides and "/" not in option and (CONFIG_FOLDER / group / f"{option}.yaml").is_file():
        return _values_of(group, hydra.compose(config_name=f"{group}/{option}"))
    return _values_of(group, hydra.compose("config", [f"{group}={option}", *overrides]))


def _values_of(group: str, config: DictConfig) -> Any:
    return OmegaConf.to_container(config[group], resolve=True)


def _composed(config: DictConfig, options: dict[str, Any]) -> Composed:
    _check_choices(config)
    launcher = HydraConfig.get().launcher
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    values |= {name: launcher[name] for name in ("workers", "hang_seconds") if name in launcher}
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
        inline=HydraConfig.get().runtime.choices.get("hydra/launcher") == "inline",
    )


def _check_choices(config: DictConfig) -> None:
    """Raise UsageError where Hydra would merge, drop or run something else than what was meant."""
    settings = HydraConfig.get()
    launcher = settings.runtime.choices.get("hydra/launcher")
    if launcher not in LAUNCHERS:
        raise UsageError(
            f"hydra/launcher is {launcher!r}; jobs are run by hydra/launcher=processes, each in a "
            "process of its own, or for a debugger by hydra/launcher=inline"
        )
    for group in ("objective", "model", "dataset", "budget", "trainer", "measures"):
        if not isinstance(settings.runtime.choices.get(group), str):
            raise UsageError(
                f"{group} takes one option, {group}=OPTION; several are a sweep, "
                f"{group}=OPTION,OPTION -m"
            )
    for name in ("columns", "plugins"):
        if not isinstance(config.get(name), ListConfig):
            value = config.get(name)
            shown, example = ("null", "") if value is None else (repr(value), value)
            raise UsageError(f"{name} is {shown}; a list is expected, {name}=[{example}]")
    for item in config.columns:
        if not isinstance(item, str):
            shown = "null" if item is None else repr(item)
            raise UsageError(f"columns: {shown} names no objective; write columns=[clm,mlm]")
    names = [o.lstrip("+").partition("=")[0] for o in settings.overrides.task]
    params = settings.sweeper.params if "params" in settings.sweeper else None
    swept = [name for name in params or {} if name not in names]
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
