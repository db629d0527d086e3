"""Which preset of the model suits a budget: the table in conf/model/auto.yaml, without Hydra."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from models.config import ARCHITECTURES
from models.registry import find
from runners.training.budget import BudgetConfig

SIZES = ("hidden_size", "num_layers", "num_heads", "intermediate_size")
FLOPS_A_TOKEN = 6
"""Of training, for each weight that a token is multiplied by: 2 forward, 4 backward (Kaplan et al.
2020)."""


@dataclass(frozen=True)
class Preset:
    """A line of the table.

    Attributes:
        name: of its file in conf/model/.
        weights: outside embeddings, those that every token is multiplied by.
        from_flops: from so many on it is the best preset.
    """

    name: str
    weights: int
    from_flops: float

    def begins(self, unit: str) -> float:
        """Where its line is reached, in FLOPs, or in tokens that take as many."""
        return self.from_flops / (1 if unit == "flops" else FLOPS_A_TOKEN * self.weights)


def preset_for(budget: BudgetConfig) -> Preset:
    """The preset that the table takes at a budget.

    Raises:
        ValueError: what it costs is not known before the run, or is less than the table begins at.
    """
    unit, table = budget.unit, presets()
    if unit not in ("flops", "tokens"):
        raise ValueError(
            f"model=auto needs a budget that is known before the run, and budget.unit is {unit}: "
            "take budget=flops or budget=tokens, or name a model, model=NAME"
        )
    reached = [preset for preset in table if budget.amount >= preset.begins(unit)]
    if not reached:
        first = min(table, key=lambda preset: preset.begins(unit))
        raise ValueError(
            f"budget.amount is {budget.amount:g} {unit}, and the smallest that model=auto knows a "
            f"model for is {first.begins(unit):.3g} (model={first.name}): raise budget.amount, or "
            "name a model, model=NAME"
        )
    if unit == "tokens":
        return max(reached, key=lambda preset: preset.weights)
    return max(reached, key=lambda preset: preset.from_flops)


def better_preset(budget: BudgetConfig, weights: int) -> Preset | None:
    """The preset that the table takes in the place of a larger model of so many weights, if any."""
    try:
        found = preset_for(budget)
    except ValueError:
        return None
    return found if found.weights < weights else None


@cache
def presets() -> tuple[Preset, ...]:
    """The table."""
    return tuple(
        Preset(name, _weights(_values(name)), float(flops))
        for name, flops in _values("auto")["from_flops"].items()
    )


def _values(name: str) -> dict[str, Any]:
    """What a file says, on top of the files that it begins with."""
    text = files("conf").joinpath("model", f"{name}.yaml").read_text()
    own: dict[str, Any] = yaml.safe_load(text)
    values: dict[str, Any] = {}
    for below in own.pop("defaults", []):
        values |= {} if below == "_self_" else _values(below)
    return values | own


def _weights(values: Mapping[str, Any]) -> int:
    kind = find(ARCHITECTURES, values["architecture"])
    return kind(**{name: values[name] for name in SIZES}).matrix_weights
