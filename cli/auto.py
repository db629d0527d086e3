"""`model=auto`: composed again with the preset that suits the budget, as if it had been named."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from cli.harmless import values_only
from cli.main import UsageError
from cli.overrides import split_override
from runners.configuration.build import build
from runners.configuration.presets import preset_for
from runners.training.budget import BudgetConfig

AUTO = "auto"
TAKEN = "auto"
"""Among Hydra's choices, the preset that was taken."""


@contextmanager
def with_presets(*, strict: bool) -> Iterator[None]:
    """Within it, whatever Hydra composes for a job has a preset in the place of `model=auto`.

    What a sweep shares before its jobs are known is left alone.

    Args:
        strict: a budget that no preset suits is an error; else the model is left `auto`.
    """

    def loaded(
        loader: Any, config_name: str, overrides: list[str], run_mode: RunMode, **more: Any
    ) -> DictConfig:
        config = load(loader, config_name, overrides, run_mode, **more)
        if run_mode != RunMode.RUN or config.hydra.runtime.choices.get("model") != AUTO:
            return config
        try:
            preset = _preset(config)
        except UsageError:
            if strict:
                raise
            return config
        config = load(loader, config_name, _named(overrides, preset), run_mode, **more)
        with open_dict(config.hydra.runtime.choices):
            config.hydra.runtime.choices[TAKEN] = preset
        return config

    with values_only():
        load = ConfigLoaderImpl.load_configuration
        with patch.object(ConfigLoaderImpl, "load_configuration", loaded):
            yield


def _preset(config: DictConfig) -> str:
    values: Any = OmegaConf.to_container(config.get("budget") or OmegaConf.create(), resolve=True)
    try:
        return preset_for(build(BudgetConfig, values, "budget")).name
    except ValueError as error:
        raise UsageError(str(error)) from error


def _named(overrides: Sequence[str], preset: str) -> list[str]:
    """The overrides with `model=PRESET`, in the place of `model=auto` if that is among them."""
    choice = f"model={preset}"
    named = [choice if split_override(each)[1] == "model" else each for each in overrides]
    return named if choice in named else [*named, choice]
