"""Configurations hold values and run nothing: what names code for Hydra to call is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from cli.main import UsageError

PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.", "hydra.experimental.callbacks.")
"""Where what Hydra calls by `_target_` may come from: itself, and plugins that are installed."""

SEARCHES = ("optuna.", *PLUGINS)
"""Where a sweeper's own parts may come from."""

LOGGING = (
    "logging.StreamHandler",
    "logging.FileHandler",
    "logging.NullHandler",
    "logging.Formatter",
    "colorlog.ColoredFormatter",
)
"""What a configuration of logging may make."""

PACKAGES = ("hydra", "hydra_plugins")
"""Those in which Hydra and its plugins have configurations of their own."""

STREAMS = ("ext://sys.stdout", "ext://sys.stderr")

_CALLS = ("_target_", "()", "class", "custom_search_space")
"""Keys whose value Hydra, its sweepers or Python's logging import and call."""


@contextmanager
def values_only() -> Iterator[None]:
    """Within it, whatever Hydra composes is refused before anything that it names is called.

    A UsageError is raised where a value names code, where a file is no YAML or asks YAML to run
    something, and where configurations are looked for in a package, which would be imported.
    """
    Plugins.instance()  # registers what reads packages
    packages: Any = SourcesRegistry.instance().resolve("pkg")
    load, source = ConfigLoaderImpl.load_configuration, packages.__init__

    def loaded(*given: Any, **more: Any) -> DictConfig:
        try:
            return checked(load(*given, **more))
        except yaml.YAMLError as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"a configuration cannot be read: {reason}") from error

    def opened(self: Any, provider: str, path: str) -> None:
        package = path.removeprefix("pkg://").replace("/", ".").partition(".")[0]
        if package not in PACKAGES:
            raise UsageError(
                f"hydra.searchpath: {path} is a package, which would be imported; name a folder"
            )
        source(self, provider, path)

    with (
        patch.object(ConfigLoaderImpl, "load_configuration", loaded),
        patch.object(packages, "__init__", opened),
    ):
        yield


def checked(config: DictConfig) -> DictConfig:
    """The configuration, where nothing in it would be called.

    Raises:
        UsageError: a value names code.
    """
    for place, key, value in _named(OmegaConf.to_container(config, resolve=False), ""):
        if not _is_allowed(place, key, value):
            raise UsageError(
                f"{place}: {value} would be run, and configurations run nothing; leave it out. "
                "Code of your own is a plugin: plugins=[FILE]"
            )
    return config


def _named(node: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    """Where something might be called: its place, key and value."""
    if isinstance(node, dict):
        for key, value in node.items():
            inner = f"{place}.{key}" if place else str(key)
            if key in _CALLS and value is not None:
                yield inner, key, value
            else:
                yield from _named(value, inner)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _named(value, f"{place}[{number}]")
    elif isinstance(node, str) and node.strip().startswith("ext://"):
        yield place, "ext://", node


def _is_allowed(place: str, key: str, value: Any) -> bool:
    """Whether what is named belongs to what Hydra itself or a plugin of it calls there."""
    part = ".".join(place.split(".")[:2])
    if part in ("hydra.job_logging", "hydra.hydra_logging"):
        return value in (LOGGING if key in ("()", "class") else STREAMS)
    if key != "_target_":
        return part != "hydra.sweeper" and key in ("class", "()", "ext://")  # a value like any
    if place in ("hydra.launcher._target_", "hydra.sweeper._target_"):
        return str(value).startswith(PLUGINS)
    if part in ("hydra.sweeper", "hydra.launcher"):
        return str(value).startswith(SEARCHES)
    return part == "hydra.callbacks" and str(value).startswith(PLUGINS)
