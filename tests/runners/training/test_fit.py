import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from runners.training.fit import fit, take_step


def module_of(value: float) -> nn.Module:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, value)
    return module


def squares(module: nn.Module, count: int) -> Iterator[Tensor]:
    for _ in range(count):
        yield module(torch.ones(1)).square().sum()


def test_each_loss_is_taken_with_the_weights_of_its_moment() -> None:
    module = module_of(1.0)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.25)
    steps: list[int] = []
    assert fit(optimizer, module, squares(module, 3), after=steps.append)
    assert module.weight.item() == pytest.approx(0.125)  # halved three times
    assert steps == [0, 1, 2]


def test_rates_and_clipping_are_those_asked_for() -> None:
    module = module_of(1.0)
    optimizer = torch.optim.SGD(module.parameters(), lr=99.0)
    fit(optimizer, module, squares(module, 1), rates=[0.5], clip_norm=1.0)
    assert module.weight.item() == pytest.approx(0.5, abs=1e-5)  # a gradient of 2 clipped to 1
    assert module.weight.grad is None
    module.weight.grad = torch.full((1, 1), 4.0)
    take_step(optimizer, module)
    assert module.weight.item() == pytest.approx(0.5 - 0.5 * 4.0, abs=1e-5)  # the rate before


def test_a_loss_that_is_no_number_ends_it_before_it_does_harm() -> None:
    module = module_of(1.0)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.25)

    def losses() -> Iterator[Tensor]:
        yield from squares(module, 1)
        yield module.weight.sum() * math.inf
        raise AssertionError("asked for another")

    assert not fit(optimizer, module, losses())
    assert module.weight.item() == pytest.approx(0.5)
