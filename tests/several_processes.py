"""A command that tests run in two processes: trainings, some of which end early."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from experiments import experiment
from objective_files import load_objective
from torch import nn

import runners.training.loop as loop_module
from cli.ranks import main as run_in_ranks
from models.blocks import Blocks
from models.initialization import weights_hash
from objectives.first_character import FirstCharacter
from objectives.prepared import LossOutput
from runners.configuration.experiment import ExperimentConfig, written
from runners.configuration.read import read
from runners.corpora.building import build_corpus
from runners.corpora.pydocs import PydocsConfig
from runners.distributed import ranks
from runners.follow import call_others
from runners.progress import Silent
from runners.sharding import shard
from runners.training.budget import BudgetConfig
from runners.training.checkpoint import Checkpoints
from runners.training.pretrain import Trained, pretrain

WAY = {
    "clm": (None, None),
    "mlm": (None, None),
    "clip": (None, None),
    "gpt_bert": (None, None),
    "rtd": (None, None),
    "simcse": (None, 8),  # of 16 views
    "mlm_simcse": (4, 4),  # two pieces of MLM, four of SimCSE
    "first_character": (None, None),
}
"""By objective, rows at once of two processes, and of one that makes the same pieces of an update,
as dropout follows the pieces. The second process cannot compute the last one."""


UNEVEN = {"mlm": 3, "simcse": 6}
"""Rows at once with which the first of two processes has two pieces of an update and the second
one."""


def job(
    name: str,
    dataset: PydocsConfig,
    output: Path,
    processes: int = 2,
    *,
    rows: int | None = None,
    shard: bool = False,
) -> ExperimentConfig:
    """A training of 12 steps, without dropout but for what SimCSE's views need."""
    config = experiment(
        name,
        dataset,
        output,
        objective=load_objective(name).with_rows(8),
        budget=BudgetConfig(unit="steps", amount=12),
    )
    trainer = replace(
        config.trainer,
        processes=processes,
        threads=1,
        micro_batch_rows=rows or WAY[name][processes == 1],
        shard=shard,
    )
    config = replace(config, trainer=trainer, model=replace(config.model, dropout=0.0))
    return read(written(config))


def trained(config: ExperimentConfig) -> Trained:
    """By all processes that are here."""
    corpus = build_corpus(
        config.dataset, output_dir=config.output_dir, hub_dir=None, say=lambda line: None
    )
    call = partial(call_others, config) if ranks().world > 1 else None
    models = config.output_dir / "models"
    return pretrain(config.recipe, corpus, models, Silent(), call_others=call)


def figures(found: Trained) -> dict[str, Any]:
    """What two trainings are to have in common."""
    curve = [{k: v for k, v in p.items() if k != "seconds"} for p in found.training.curve]
    ledger = {k: v for k, v in vars(found.training.ledger).items() if k != "seconds"}
    return {"curve": curve, "ledger": ledger, "weights": weights_hash(found.model)}


def main(arguments: Sequence[str]) -> int:
    """What the first of two processes does."""
    output, names = Path(arguments[0]), arguments[1:]
    dataset = PydocsConfig(**json.loads((output / "dataset.json").read_text()))
    whole = {name: figures(trained(job(name, dataset, output))) for name in names}
    found: dict[str, Any] = {"whole": whole, **_cut(dataset, output, names)}
    found["failed"] = _message(job("first_character", dataset, output))
    longer = stopped(dataset, output)
    found["uninterrupted"] = figures(trained(longer))
    cut = replace(longer, trainer=replace(longer.trainer, shard=True))
    found["uninterrupted, cut"] = figures(trained(cut))
    for place, config in (("parts", longer), ("half", longer), ("cut", cut)):
        _stop_after_saves(output / place, config)
    found["resumed"] = figures(trained(_in(output / "parts", longer)))
    found["resumed, cut"] = figures(trained(_in(output / "cut", cut)))
    (output / "found.json").write_text(json.dumps(found))
    return 0


def _cut(dataset: PydocsConfig, output: Path, names: Sequence[str]) -> dict[str, Any]:
    """Trainings whose blocks are cut, and others; what this process held of the weights."""
    held: dict[str, float] = {}
    again: dict[str, Any] = {}

    def noted(model: nn.Module, device: str) -> None:
        every = sum(parameter.numel() for parameter in blocks(model))
        shard(model, device)
        held[name] = sum(p.to_local().numel() for p in blocks(model)) / every  # type: ignore[attr-defined]

    with mock.patch.object(loop_module, "shard", noted):
        for name in names:
            again[name] = figures(trained(job(name, dataset, output, shard=True)))
        for name, rows in UNEVEN.items():
            for cut in (False, True):
                config = job(name, dataset, output, rows=rows, shard=cut)
                again[f"{name}, {'cut' if cut else 'whole'}"] = figures(trained(config))
    return {"sharded": again, "held": held}


def blocks(model: nn.Module) -> list[nn.Parameter]:
    """All weights of all stacks."""
    stacks = [module for module in model.modules() if isinstance(module, Blocks)]
    return [parameter for stack in stacks for parameter in stack.parameters()]


def stopped(dataset: PydocsConfig, output: Path) -> ExperimentConfig:
    """What is stopped on its way; with dropout."""
    config = job("mlm_simcse", dataset, output)
    return replace(config, seed=7, model=replace(config.model, dropout=0.1))


def _in(output: Path, config: ExperimentConfig) -> ExperimentConfig:
    trainer = replace(config.trainer, checkpoint_seconds=1e-9)
    return replace(config, output_dir=output, trainer=trainer)


def _stop_after_saves(output: Path, config: ExperimentConfig) -> None:
    """Leave a training with its third checkpoint."""
    (output / "corpora").parent.mkdir()
    (output / "corpora").symlink_to(config.output_dir / "corpora")
    save, saves = Checkpoints.save, 0

    def save_and_fail(*arguments: Any, **more: Any) -> None:
        nonlocal saves
        save(*arguments, **more)
        saves += 1
        if saves == 3:
            raise OSError("the disk is full")

    Checkpoints.save = save_and_fail  # type: ignore[method-assign]
    try:
        trained(_in(output, config))
    except OSError:
        pass
    finally:
        Checkpoints.save = save  # type: ignore[method-assign]


def _message(config: ExperimentConfig) -> str:
    """How a training ends of which the second process cannot compute an update."""
    try:
        trained(config)
    except RuntimeError as error:
        return str(error)
    return ""


def _fail(*arguments: Any) -> LossOutput:
    raise MemoryError("no memory is left")


def enter(rank: int, port: int, folder: str, names: Sequence[str]) -> None:
    """What torchrun would start."""
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    if rank == 1:
        FirstCharacter.loss = _fail  # type: ignore[method-assign]
    assert run_in_ranks(["several_processes", folder, *names]) == 0
