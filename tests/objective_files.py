"""Every objective that conf/objective/ names: a new YAML is covered by the tests at once."""

from pathlib import Path
from typing import Any

import yaml

import conf
from objectives.base import Objective
from objectives.registry import find_objective

FOLDER = Path(conf.__file__).parent / "objective"
OBJECTIVE_FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_objective(name: str, **changes: Any) -> Objective:
    values = {**yaml.safe_load((FOLDER / f"{name}.yaml").read_text()), **changes}
    return find_objective(values["name"])(**values)
