"""Values and gradients against torch's own, which has all logits at once."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import models.cross_entropy
from models.cross_entropy import linear_cross_entropy

N, D, V = 37, 16, 50


def made(count: int = N, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(count, D, generator=generator).to(dtype).requires_grad_()
    matrix = torch.randn(V, D, generator=generator).requires_grad_()
    bias = torch.randn(V, generator=generator).requires_grad_()
    return states, matrix, bias, torch.randint(0, V, (count,), generator=generator)


def plain(states: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(states, matrix, bias).float(), targets, reduction="none")


@pytest.fixture(params=[1, 5, 36, 37, 1000])
def rows_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.cross_entropy.ELEMENTS, "cpu", request.param * V)
    monkeypatch.setattr(models.cross_entropy, "LEAST_ROWS", 1)


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("weighted", [False, True])
def test_values_and_gradients_are_those_of_all_logits_at_once(weighted: bool) -> None:
    weights = torch.linspace(-1, 2, N) if weighted else torch.tensor(0.3)
    found = []
    for function in (plain, linear_cross_entropy):
        *inputs, targets = made()
        values = function(*inputs, targets)
        total = (weights * values).sum() if weighted else weights * values.sum() / 7
        total.backward()
        found.append([values.detach(), *(each.grad for each in inputs)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("differentiate", [False, True])
def test_what_a_gpu_fuses_is_what_a_processor_does_in_place(
    weighted: bool, differentiate: bool
) -> None:
    states, matrix, bias, targets = (each.detach() for each in made())
    weights = torch.linspace(-1, 2, N)[:, None] if weighted else None
    logits, given = F.linear(states, matrix), (bias, targets, weights, differentiate)
    values, by_logits, _ = models.cross_entropy._in_place(logits.clone(), *given)
    found = models.cross_entropy._in_one(logits, *given)
    torch.testing.assert_close(found[0], values, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[1], by_logits, rtol=1e-5, atol=1e-6)


def test_one_number_for_all_items_computes_logits_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    once = models.cross_entropy._by_chunks
    monkeypatch.setattr(
        models.cross_entropy, "_by_chunks", lambda *given: calls.append(given) or once(*given)
    )
    linear_cross_entropy(*made()).sum().backward()
    assert len(calls) == 1
    linear_cross_entropy(*made()).square().sum().backward()
    assert len(calls) == 3


@pytest.mark.parametrize("count", [0, 1])
def test_few_items(count: int) -> None:
    *inputs, targets = made(count)
    values = linear_cross_entropy(*inputs, targets)
    torch.testing.assert_close(values, plain(*inputs, targets))
    (2 * values.sum()).backward()
    expected = torch.autograd.grad(2 * plain(*inputs, targets).sum(), inputs)
    for one, other in zip(inputs, expected, strict=True):
        torch.testing.assert_close(one.grad, other)


def test_mixed_precision_is_as_near_to_the_truth_as_torchs() -> None:
    *inputs, targets = made(dtype=torch.bfloat16)
    exact = torch.autograd.grad(plain(*(e.double() for e in inputs), targets).sum(), inputs)
    errors = []
    for function in (plain, linear_cross_entropy):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            values = function(*inputs, targets)
        assert values.dtype == torch.float32
        found = torch.autograd.grad(values.sum(), inputs)
        assert [each.dtype for each in found] == [each.dtype for each in inputs]
        pairs = zip(found, exact, strict=True)
        errors.append([float((a.double() - b.double()).norm() / b.norm()) for a, b in pairs])
    theirs, ours = errors
    assert all(b <= 1.05 * a + 1e-6 for a, b in zip(theirs, ours, strict=True)), errors


def test_without_gradients_nothing_is_differentiated(monkeypatch: pytest.MonkeyPatch) -> None:
    once = models.cross_entropy._by_chunks

    def watched(*given: Any) -> Any:
        assert given[-1] is False
        return once(*given)

    monkeypatch.setattr(models.cross_entropy, "_by_chunks", watched)
    with torch.no_grad():
        values = linear_cross_entropy(*made())
    torch.testing.assert_close(values, plain(*made()).detach())
    assert not values.requires_grad
