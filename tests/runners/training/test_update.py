from dataclasses import replace
from typing import Any

import pytest
import torch
from conftest import make_batch
from objective_files import load_objective
from torch.utils._python_dispatch import TorchDispatchMode

from objectives.trainable import Moment
from runners.checks import made_update, model_of
from runners.training.finite import Finite
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.update import NORM, TOTAL, UpdateStep


@pytest.mark.parametrize("name", ["clm", "mlm"])
def test_micro_batches_take_the_step_of_the_whole_batch(name: str, trainer: AdamWConfig) -> None:
    objective = load_objective(name)
    weights = []
    for rows in (None, 2):
        own = replace(trainer, micro_batch_rows=rows)
        model = model_of(objective).eval()
        step = UpdateStep(model, objective, own, seed=0, tokens=1000)
        step(made_update(objective, make_batch([12, 3, 12, 7, 9]), own), rate=1e-3)
        weights.append(model.backbone.blocks[0].up.weight.detach())
    torch.testing.assert_close(weights[0], weights[1], atol=2e-5, rtol=0)


def test_dropout_follows_from_seed_and_step_alone(trainer: AdamWConfig) -> None:
    objective, losses = load_objective("clm"), []
    for disturb, number in ((0, 4), (99, 4), (0, 5)):
        step = UpdateStep(model_of(objective), objective, trainer, seed=0, tokens=1000)
        torch.manual_seed(disturb)
        update = made_update(objective, make_batch([12, 9]), trainer, Moment(number))
        losses.append(float(step(update, rate=0.0)[TOTAL]))
    assert losses[0] == losses[1] != losses[2]


def test_updates_of_another_size_go_on_from_what_is_remembered(trainer: AdamWConfig) -> None:
    """Gradients that stay as they are give steps that stay as they are, when a phase begins."""
    objective = load_objective("clm")
    model = model_of(objective)
    trainer = replace(trainer, weight_decay=0.0, second_moment_tokens=1e5)
    step = UpdateStep(model, objective, trainer, seed=0, tokens=1000)
    weight = model.backbone.blocks[0].up.weight

    def moved() -> float:
        before = weight.detach().clone()
        weight.grad = torch.ones_like(weight)
        step.optimizer.step()
        return float((before - weight.detach()).mean())

    steady = [moved() for _ in range(50)][-1]
    step.go_on(8000)
    larger = moved()
    step.go_on(500)
    assert steady == pytest.approx(larger, rel=1e-3) == pytest.approx(moved(), rel=1e-3)
    assert step.optimizer.param_groups[0]["betas"][1] == trainer.beta2(500)


WAITING = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)


@pytest.mark.parametrize("name", ["clm", "rtd", "simcse", "clm_mlm"])
def test_an_update_reads_nothing_from_the_device(name: str, trainer: AdamWConfig) -> None:
    """A GPU is waited for wherever a number is read."""

    class Reads(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.count += func in WAITING
            return func(*args, **(kwargs or {}))

    objective = load_objective(name)
    step = UpdateStep(model_of(objective), objective, trainer, seed=0, tokens=1000)
    update = made_update(objective, make_batch([12, 9, 12, 5]), trainer)
    step(update, rate=1e-3)  # counts of its parts are taken on the CPU, once
    finite = Finite(at_once=False)
    with Reads() as reads:
        found = step(update, rate=1e-3)
        finite.note(1, found)
        assert reads.count == 0
        float(found[TOTAL])
    assert reads.count == 1


def test_losses_are_told_by_term(trainer: AdamWConfig) -> None:
    objective = load_objective("rtd")
    step = UpdateStep(model_of(objective), objective, trainer, seed=0, tokens=1000)
    found = step(made_update(objective, make_batch([12, 9, 12, 5]), trainer), rate=1e-3)
    *terms, total, norm = found
    assert (total, norm) == (TOTAL, NORM)
    assert len(terms) == 2
    assert sum(float(found[term]) for term in terms) == pytest.approx(float(found[TOTAL]))
