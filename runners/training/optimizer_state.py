"""What an optimizer remembers, on disk without pickle: named tensors, and JSON for the rest."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from runners.sharding import cut_state
from runners.training.weights import save_tensors

_REST = "state"
"""In the file's metadata: what are no tensors, and where the tensors stand among them."""


def save_optimizer(state: dict[str, Any], file: Path) -> None:
    """An optimizer's `state_dict()`, to the bit.

    Raises:
        OSError: the disk is full.
        TypeError: an optimizer of the user's remembers what is neither tensor nor plain value.
    """
    tensors: dict[str, Tensor] = {}
    rest = _plain(state, "", tensors)
    save_tensors(tensors, file, {_REST: json.dumps(rest)})


def load_optimizer(optimizer: torch.optim.Optimizer, file: Path) -> None:
    """Restore it in place."""
    with safe_open(file, framework="pt") as opened:
        rest = json.loads(opened.metadata()[_REST])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    optimizer.load_state_dict(cut_state(optimizer, _restored(rest, tensors)))


def _plain(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    """JSON of a value; its tensors go into `tensors`, by their places."""
    if isinstance(value, Tensor):
        name = place
        while name in tensors:
            name += "_"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):  # JSON would turn the numbers of parameters into texts
        return {"dict": [[k, _plain(v, f"{place}.{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{place}.{i}", tensors) for i, item in enumerate(value)]
        return {type(value).__name__: items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"the optimizer remembers {place.strip('.')} as {type(value).__name__}, which no "
        "checkpoint can hold: tensors, numbers, texts, lists and dictionaries of these can be"
    )


def _restored(value: Any, tensors: dict[str, Tensor]) -> Any:
    """What `_plain` was given."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _restored(item, tensors) for key, item in content}
    items = [_restored(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items
