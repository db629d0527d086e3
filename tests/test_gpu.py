"""What a GPU has to do as a processor does. Without one, these tests are left out."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import whole_commands
from objective_files import OBJECTIVE_FILES, load_objective

from cli.main import main
from models.initialization import weights_hash
from objectives.trainable import Moment
from results.store import ResultStore
from runners.checks import made_batch, made_update, model_of
from runners.hardware import set_up
from runners.training.finite import Finite
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.room import MemoryShortError, Room
from runners.training.update import TOTAL, UpdateStep

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    # Some kernels have no deterministic form; then torch warns and goes on.
    pytest.mark.filterwarnings("ignore:.*determinis:UserWarning"),
]

TRAINER = AdamWConfig(device="cuda", dtype="float32", threads=2)


def losses(name: str, trainer: AdamWConfig, *, without_dropout: bool = False) -> list[float]:
    """Of the first four updates."""
    torch.compiler.reset()
    set_up(trainer)
    objective = load_objective(name)
    model = model_of(objective).to(trainer.device).train(not without_dropout)
    step = UpdateStep(model, objective, trainer, seed=0, tokens=1000)
    finite = Finite(at_once=True)
    found = []
    for number in range(4):
        update = made_update(objective, made_batch([12, 9, 12, 5]), trainer, Moment(number, 0.3))
        result = step(update, rate=1e-3)
        finite.note(number + 1, result)
        found.append(float(result[TOTAL]))
    return found


@pytest.mark.parametrize("name", OBJECTIVE_FILES)
def test_losses_are_those_of_a_processor(name: str) -> None:
    """Without dropout, which another generator draws."""
    expected, found = (
        losses(name, replace(TRAINER, device=device), without_dropout=True)
        for device in ("cpu", "cuda")
    )
    assert found == pytest.approx(expected, rel=2e-3, abs=1e-5)


@pytest.mark.parametrize("name", OBJECTIVE_FILES)
def test_bfloat16_is_near(name: str) -> None:
    plain, mixed = (losses(name, replace(TRAINER, dtype=d)) for d in ("float32", "bfloat16"))
    tolerance = 0.2 if load_objective(name).traits.noisy else 0.05
    assert mixed == pytest.approx(plain, rel=tolerance, abs=0.03)


@pytest.mark.filterwarnings("default")  # what compilers warn of is no error
@pytest.mark.parametrize("name", ["clm", "mlm", "simcse", "rtd", "clip", "tsdae", "mlm_simcse"])
def test_compiled_steps_are_near(name: str) -> None:
    plain, compiled = (
        losses(name, replace(TRAINER, dtype="bfloat16", compile=c)) for c in (False, True)
    )
    tolerance = 0.2 if load_objective(name).traits.noisy else 0.02
    assert compiled == pytest.approx(plain, rel=tolerance, abs=0.03)


def test_the_same_seed_gives_the_same_weights() -> None:
    set_up(TRAINER)
    objective = load_objective("simcse")
    found = []
    for _ in range(2):
        model = model_of(objective).to("cuda")
        step = UpdateStep(model, objective, TRAINER, seed=0, tokens=1000)
        for number in range(3):
            batch = made_batch([12, 9, 12, 5])
            step(made_update(objective, batch, TRAINER, Moment(number)), rate=1e-3)
        found.append(weights_hash(model))
    assert found[0] == found[1]


def test_an_update_that_does_not_fit_is_halved() -> None:
    """In a fiftieth of the memory, until it does."""
    set_up(TRAINER)
    objective, room = load_objective("clm"), Room(None)
    step = UpdateStep(model_of(objective).to("cuda"), objective, TRAINER, seed=0, tokens=1000)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.02)
    try:
        while True:
            trainer = replace(TRAINER, micro_batch_rows=room.rows)
            update = made_update(objective, made_batch([62] * 8000), trainer)
            try:
                loss = step(update, rate=1e-3)[TOTAL]
            except MemoryShortError:
                room.halve(update)
            else:
                break
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert room.rows in (4000, 2000, 1000, 500)
    assert float(loss) == pytest.approx(math.log(232), rel=0.1)


def test_a_whole_sweep(tmp_path: Path) -> None:
    """From the command to its report, by processes that take the GPU in turn."""
    wanted = ["objective=clm,mlm,simcse", "-m", "trainer.device=cuda"]
    assert main(whole_commands.in_processes(tmp_path, *wanted)) == 0
    records = ResultStore(tmp_path).records()[0]
    trained = {record.objective: record for record in records if record.objective}
    assert {"clm", "mlm", "simcse"} <= set(trained)
    assert not any(record.error for record in records)
    assert all(trained[name].config["trainer"]["device"] == "cuda" for name in ("clm", "simcse"))
