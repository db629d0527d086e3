"""What a training is said to take is what it takes, as far as that can be seen here."""

from dataclasses import replace

import pytest
from objective_files import load_objective
from torch.profiler import ProfilerActivity, profile

from models.backbones.vanilla import VanillaConfig
from objectives.base import build_model
from runners.checks import made_batch, made_update
from runners.cost_model import Cost, cost
from runners.hardware import set_up
from runners.training.budget import BudgetConfig
from runners.training.recipe import Recipe
from runners.training.trainer import TrainerConfig
from runners.training.update import UpdateStep

ROWS, LENGTH, SIZE = 16, 64, 2048
MODEL = VanillaConfig(
    hidden_size=128, num_layers=2, num_heads=2, intermediate_size=512, max_length=LENGTH
)


def recipe(name: str, trainer: TrainerConfig, model: VanillaConfig = MODEL) -> Recipe:
    return Recipe(
        seed=0,
        model=model,
        objective=load_objective(name).with_rows(ROWS),
        budget=BudgetConfig(unit="steps", amount=16),
        trainer=trainer,
    )


def counted(given: Recipe, **changes: float) -> Cost:
    rates = {"rate": 1e12, "bandwidth": 1e9, **changes}
    return cost(given, vocabulary=SIZE, length=given.model.max_length, **rates)


@pytest.mark.parametrize("name", ["clm", "mlm", "rtd", "simcse"])
def test_memory_is_what_the_allocator_gives_at_most(name: str, trainer: TrainerConfig) -> None:
    """Within a fifth, and rather too much than too little."""
    given = recipe(name, trainer)
    objective = given.objective
    assert objective is not None
    set_up(trainer)
    model = build_model(objective, MODEL, SIZE, 0).train()
    step = UpdateStep(model, objective, trainer, seed=0, tokens=1000)
    batch = made_batch([LENGTH - 2] * ROWS, width=LENGTH)
    update = made_update(objective, batch, trainer, config=MODEL)
    step(update, rate=1e-4)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step.backward(update)
    live = peak = 0
    for event in profiled.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    found = counted(given)
    assert peak * 0.95 <= found.update <= peak * 1.2
    states = step.optimizer.state.values()
    remembered = sum(
        value.numel() * 4 for state in states for value in state.values() if value.dim()
    )
    assert found.optimizer == remembered
    assert found.weights == sum(4 * p.numel() for p in model.parameters())


def test_operations_and_tokens_are_those_of_a_ledger(trainer: TrainerConfig) -> None:
    given = recipe("simcse", trainer)  # whose operations do not depend on the vocabulary's size
    ledger = counted(given).ledger
    assert given.objective is not None
    batch = made_batch([LENGTH - 2] * ROWS, width=LENGTH)
    update = made_update(given.objective, batch, trainer, config=MODEL).ledger
    assert (ledger.steps, ledger.tokens) == (16, 16 * ROWS * (LENGTH - 2))
    assert (ledger.flops, ledger.rows) == (16 * update.flops, 16 * update.rows)
    assert ledger.seconds == pytest.approx(ledger.flops / 1e12)
    tokens = replace(given, budget=BudgetConfig(unit="tokens", amount=ledger.tokens))
    assert counted(tokens).ledger == ledger


def test_every_phase_is_counted(trainer: TrainerConfig) -> None:
    both, *each = (counted(recipe(n, trainer)).ledger for n in ("mlm_then_simcse", "mlm", "simcse"))
    assert each[0].flops < both.flops < each[1].flops
    assert both.steps == 16


def test_processes_share_operations_and_memory_and_send_gradients(trainer: TrainerConfig) -> None:
    one = counted(recipe("clm", trainer))
    four = counted(recipe("clm", replace(trainer, processes=4)))
    assert one.traffic == 0
    assert four.traffic == pytest.approx(2 * 3 / 4 * four.weights, rel=1e-6)
    sending = 16 * four.traffic / 1e9
    assert four.ledger.seconds == pytest.approx(one.ledger.seconds / 4 + sending, rel=1e-6)
    assert four.update < one.update / 2
    assert (four.weights, four.optimizer) == (one.weights, one.optimizer)


def test_processes_without_a_piece_of_an_update_do_nothing(trainer: TrainerConfig) -> None:
    """An update has sixteen rows."""
    sixteen, many = (
        counted(recipe("mlm", replace(trainer, processes=count)), bandwidth=1e18)
        for count in (16, 64)
    )
    assert many.ledger.seconds == pytest.approx(sixteen.ledger.seconds)


def test_blocks_that_are_cut_take_less_memory_and_are_sent_for_every_piece(
    trainer: TrainerConfig,
) -> None:
    given = replace(trainer, processes=4)
    whole = counted(recipe("mlm", given))
    cut = counted(recipe("mlm", replace(given, shard=True)))
    blocks = 2 * (4 * 128 * 128 + 2 * 128 * 512 + 4 * 128 + 512 + 128 + 4 * 128)
    assert whole.weights - cut.weights == 4 * blocks * 3 / 4
    assert whole.optimizer - cut.optimizer == 8 * blocks * 3 / 4
    assert cut.traffic - whole.traffic == pytest.approx(3 / 4 * 4 * blocks, rel=1e-6)
    halves = counted(recipe("mlm", replace(given, shard=True, micro_batch_rows=2)))
    assert halves.traffic - cut.traffic == pytest.approx(3 / 4 * 4 * 3 * blocks, rel=1e-6)


def test_pieces_take_less_memory_and_gradcache_more_operations(trainer: TrainerConfig) -> None:
    whole = counted(recipe("simcse", trainer))
    pieces = counted(recipe("simcse", replace(trainer, micro_batch_rows=4)))
    assert pieces.update < whole.update / 2
    assert pieces.ledger.flops == pytest.approx(whole.ledger.flops * 4 / 3, rel=0.01)


def test_a_model_beyond_this_machine_is_counted(trainer: TrainerConfig) -> None:
    far = replace(
        MODEL,
        hidden_size=8192,
        num_layers=64,
        num_heads=64,
        intermediate_size=32768,
        max_length=128,
    )
    found = counted(recipe("mlm", trainer, far))
    assert found.parameters > 5e10
    assert found.memory > 16 * found.parameters
