from dataclasses import replace

import pytest
import torch
from conftest import VOCABULARY, make_batch
from objective_files import load_objective

from models.config import BackboneConfig
from objectives.base import Moment, build_model
from objectives.randomness import RowRandom
from runners.training.trainer import TrainerConfig, second_moment_decay
from runners.training.update import UpdateStep


@pytest.mark.parametrize("name", ["clm", "mlm"])
def test_micro_batches_take_the_step_of_the_whole_batch(
    name: str, config: BackboneConfig, trainer: TrainerConfig
) -> None:
    objective = load_objective(name)
    batch = make_batch([12, 3, 12, 7, 9])
    prepared = objective.corrupt(
        batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
    )
    config = replace(config, dropout=0.0)
    weights = []
    for rows in (None, 2):
        model = build_model(objective, config, VOCABULARY.size, seed=0).train()
        step = UpdateStep(model, replace(trainer, micro_batch_rows=rows), 1000)
        step(prepared, rate=1e-3, seed=0, number=0)
        weights.append(model.backbone.blocks[0].up.weight.detach())
    torch.testing.assert_close(weights[0], weights[1], atol=2e-5, rtol=0)


def test_dropout_follows_from_seed_and_step_alone(
    config: BackboneConfig, trainer: TrainerConfig
) -> None:
    objective = load_objective("clm")
    batch = make_batch([12, 9])
    prepared = objective.corrupt(
        batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
    )
    losses = []
    for disturb, number in ((0, 4), (99, 4), (0, 5)):
        model = build_model(objective, config, VOCABULARY.size, seed=0).train()
        torch.manual_seed(disturb)
        losses.append(UpdateStep(model, trainer, 1000)(prepared, rate=0.0, seed=0, number=number))
    assert losses[0] == losses[1] != losses[2]


def test_updates_of_another_size_go_on_from_what_is_remembered(
    config: BackboneConfig, trainer: TrainerConfig
) -> None:
    """Gradients that stay as they are give steps that stay as they are, when a phase begins."""
    model = build_model(load_objective("clm"), config, VOCABULARY.size, seed=0)
    trainer = replace(trainer, weight_decay=0.0, second_moment_tokens=1e5)
    step, weight = UpdateStep(model, trainer, 1000), model.backbone.blocks[0].up.weight

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
    assert step.optimizer.param_groups[0]["betas"][1] == second_moment_decay(500, trainer)
