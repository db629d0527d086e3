"""What may be named in a configuration, and what would be called if it were let through."""

from typing import Any

import hydra
import pytest
from omegaconf import OmegaConf

from cli.explain import CONFIG_FOLDER, VERSION_BASE
from cli.harmless import checked, values_only
from cli.main import UsageError


@pytest.mark.parametrize(
    "place",
    [
        "_target_",
        "objective._target_",
        "hydra._target_",
        "hydra.callbacks.x._target_",
        "hydra.launcher._target_",
        "hydra.sweeper.sampler._target_",
        "hydra.sweeper.custom_search_space",
        "hydra.job_logging.handlers.x.class",
        "hydra.hydra_logging.formatters.x.()",
        "hydra.hydra_logging.filters.x.()",
    ],
)
def test_what_would_be_called_is_named(place: str) -> None:
    config = OmegaConf.create()
    OmegaConf.update(config, place, "os.system", force_add=True)
    with pytest.raises(UsageError, match=r"os\.system would be run") as caught:
        checked(config)
    assert str(caught.value).startswith(f"{place}: ")


@pytest.mark.parametrize(
    "content",
    [
        {"hydra": {"sweeper": {"_target_": "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.X"}}},
        {"hydra": {"sweeper": {"sampler": {"_target_": "optuna.samplers.TPESampler"}}}},
        {"hydra": {"sweeper": {"custom_search_space": None}}},
        {"hydra": {"launcher": {"_target_": "hydra._internal.core_plugins.basic_launcher.X"}}},
        {"hydra": {"job_logging": {"formatters": {"x": {"()": "colorlog.ColoredFormatter"}}}}},
        {"hydra": {"job_logging": {"handlers": {"x": {"stream": "ext://sys.stderr"}}}}},
        {"dataset": {"class": "anything", "path": "ext://anything"}},
    ],
)
def test_what_hydra_itself_calls_is_let_through(content: dict[str, Any]) -> None:
    config = OmegaConf.create(content)
    assert checked(config) is config


def test_a_name_in_a_list_is_found_and_one_that_is_not_set_is_no_name() -> None:
    with pytest.raises(UsageError, match=r"x\[1\].y._target_: os.system"):
        checked(OmegaConf.create({"x": [1, {"y": {"_target_": "os.system"}}]}))
    assert checked(OmegaConf.create({"x": {"_target_": None}}))


def test_our_own_configuration_is_let_through_and_after_it_all_is_as_before() -> None:
    for _ in range(2):
        with values_only(), hydra.initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
            assert hydra.compose("config", return_hydra_config=True).hydra.launcher._target_
    with hydra.initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        assert hydra.compose("config", overrides=["+x._target_=os.system"]).x._target_
