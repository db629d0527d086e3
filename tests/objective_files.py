"""Every objective that conf/objective/ names: a new YAML is covered by the tests at once."""

from functools import cache
from pathlib import Path
from typing import Any

import hydra

import conf
from cli.hydra_app import VERSION_BASE, compose_option
from cli.main import UsageError
from objectives.base import Objective
from runners.configuration.read import objective

FOLDER = Path(conf.__file__).parent / "objective"
OBJECTIVE_FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def _values(name: str) -> dict[str, Any]:
    with hydra.initialize_config_dir(str(FOLDER.parent), **VERSION_BASE):
        values: dict[str, Any] = compose_option("objective", name)
    return values


def load_objective(name: str, **changes: Any) -> Objective:
    try:
        return objective({**_values(name), **changes}, [], "objective")
    except UsageError as error:
        raise ValueError(str(error)) from error
