"""Of optimizers, on disk: whatever they remember comes back, without pickle."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.registry import find, names
from runners.training.optimizer_state import load_optimizer, save_optimizer
from runners.training.trainer import OPTIMIZERS

OURS = names(OPTIMIZERS)
HARDWARE: dict[str, Any] = {"device": "cpu", "dtype": "float32", "threads": 1}


def module() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.Linear(4, 3))


def steps(optimizer: torch.optim.Optimizer, of: nn.Module, closure: list[Any], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(3):
        for parameter in of.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step(*closure)


def same(first: Any, second: Any) -> bool:
    """To the bit and to the type, in the same order."""
    if type(first) is not type(second):
        return False
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def made(name: str) -> list[Any]:
    """An optimizer of ours with its module, or one of torch's that remembers other things."""
    of = module()
    if name in OURS:
        return [find(OPTIMIZERS, name)(**HARDWARE).build(of, 1e-2, 1000), of]
    kinds = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "adafactor": lambda p: torch.optim.Adafactor(p, lr=0.1),
        "asgd": lambda p: torch.optim.ASGD(p, lr=0.1),
        "nadam": lambda p: torch.optim.NAdam(p, lr=0.1),
        "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1),
    }
    return [kinds[name](of.parameters()), of]


@pytest.mark.parametrize("name", [*OURS, "sgd", "adafactor", "asgd", "nadam", "lbfgs"])
def test_what_is_remembered_comes_back_to_the_bit(name: str, tmp_path: Path) -> None:
    """And so do the steps that follow: groups in their order, counts of steps, pairs as pairs."""
    first, trained = made(name)
    closure = [lambda: 1.0] if name == "lbfgs" else []
    steps(first, trained, closure, seed=0)
    save_optimizer(first.state_dict(), tmp_path / "file")
    second, other = made(name)
    other.load_state_dict(trained.state_dict())
    load_optimizer(second, tmp_path / "file")
    assert same(second.state_dict(), first.state_dict())
    for optimizer, of in ((first, trained), (second, other)):
        steps(optimizer, of, closure, seed=1)
    assert same(dict(other.state_dict()), dict(trained.state_dict()))


def test_values_of_every_kind_come_back_as_they_were(tmp_path: Path) -> None:
    class Odd(torch.optim.SGD):
        def state_dict(self) -> dict[str, Any]:
            return odd

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            loaded.append(state_dict)

    loaded: list[Any] = []
    odd = {
        "state": {0: {"a.b": torch.tensor(2.5), "a": {"b": torch.zeros(0)}, 3: None}},
        "more": [(1, 2.5), [math.inf, True, "text"], {}, (), 0.1 + 0.2],
        "half": torch.ones(2, dtype=torch.bfloat16),
        "tensor": {"tensor": "a name"},
    }
    optimizer = Odd(module().parameters(), lr=1.0)
    save_optimizer(optimizer.state_dict(), tmp_path / "file")
    load_optimizer(optimizer, tmp_path / "file")
    assert same(loaded[0], odd)


def test_what_no_file_can_hold_is_refused_by_name(tmp_path: Path) -> None:
    optimizer = torch.optim.SGD(module().parameters(), lr=0.1)
    optimizer.param_groups[0]["schedule"] = lambda step: step
    with pytest.raises(TypeError, match=r"param_groups\.0\.schedule as function"):
        save_optimizer(optimizer.state_dict(), tmp_path / "file")
    assert not (tmp_path / "file").exists()
