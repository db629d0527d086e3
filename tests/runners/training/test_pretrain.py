from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from experiments import experiment, train
from objective_files import load_objective
from torch import Tensor

import runners.training.pretrain as pretrain_module
from models.initialization import weights_hash
from objectives.base import TrainModel
from objectives.clm import CLM
from objectives.prepared import LossOutput, Prepared, Term
from results.integrity import read_sealed
from runners.corpora.corpus import Corpus
from runners.corpora.pydocs import PydocsConfig
from runners.training.budget import BudgetConfig
from runners.training.checkpoint import Checkpoints
from runners.training.finite import DivergedError
from runners.training.pretrain import training_name
from runners.training.trainer import learning_rate_factor
from runners.training.update import UpdateStep
from runners.training.updates import Update

OBJECTIVES = ("clm", "mlm", "simcse")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_same_seed_gives_the_same_weights(
    name: str, corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    hashes = []
    for run, seed in enumerate((0, 0, 1)):
        config = experiment(name, small_pydocs, tmp_path / str(run), seed=seed)
        hashes.append(weights_hash(train(config, corpus).model))
    assert hashes[0] == hashes[1] != hashes[2]


def test_every_objective_begins_and_reads_the_same(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    trained = {
        (name, seed): train(
            experiment(
                name,
                small_pydocs,
                tmp_path,
                seed=seed,
                objective=load_objective(name, rows_per_update=rows),
            ),
            corpus,
        ).training
        for name, rows in zip(OBJECTIVES, (8, 16, 32), strict=True)
        for seed in (0, 1)
    }
    for seed in (0, 1):
        of_seed = [training for (_, s), training in trained.items() if s == seed]
        assert len({training.init_hash for training in of_seed}) == 1
        assert len({training.rows_hash_at["64"] for training in of_seed}) == 1
    assert trained["clm", 0].init_hash != trained["clm", 1].init_hash
    assert trained["clm", 0].rows_hash_at["64"] != trained["clm", 1].rows_hash_at["64"]
    untrained = train(experiment(None, small_pydocs, tmp_path), corpus)
    assert untrained.training.init_hash == trained["clm", 0].init_hash


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_killed_run_goes_on_bit_for_bit(
    name: str,
    corpus: Corpus,
    small_pydocs: PydocsConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = train(experiment(name, small_pydocs, tmp_path / "whole"), corpus)

    def config() -> Any:
        found = experiment(name, small_pydocs, tmp_path / "parts")
        return replace(found, trainer=replace(found.trainer, checkpoint_seconds=1e-9))

    class Killed(BaseException):
        pass

    saves = 0
    save = Checkpoints.save

    def save_and_die(self: Checkpoints, *arguments: Any) -> None:
        nonlocal saves
        save(self, *arguments)
        saves += 1
        if saves in (3, 7):
            raise Killed

    monkeypatch.setattr(Checkpoints, "save", save_and_die)
    for _ in range(2):
        with pytest.raises(Killed):
            train(config(), corpus)
    resumed = train(config(), corpus)
    assert weights_hash(resumed.model) == weights_hash(whole.model)
    assert resumed.training.rows_hash == whole.training.rows_hash
    figures = [
        [{k: v for k, v in point.items() if k != "seconds"} for point in t.training.curve]
        for t in (resumed, whole)
    ]
    assert figures[0] == figures[1]
    assert not list(resumed.folder.glob("checkpoint*"))


def test_a_finished_run_is_not_trained_again(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = experiment("mlm", small_pydocs, tmp_path)
    first = train(config, corpus)
    monkeypatch.setattr(pretrain_module, "Loop", None)
    again = train(config, corpus)
    assert weights_hash(again.model) == weights_hash(first.model)
    assert again.training == first.training


def test_micro_batches_change_nothing_but_memory(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    """The corruption is the same to the bit, and without dropout so is the sum of the loss."""
    model = replace(experiment("mlm", small_pydocs, tmp_path).model, dropout=0.0)
    losses = []
    for micro in (None, 3):
        config = experiment("mlm", small_pydocs, tmp_path / str(micro), model=model)
        config = replace(config, trainer=replace(config.trainer, micro_batch_rows=micro))
        losses.append([p["loss"] for p in train(config, corpus).training.curve])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_ledger_counts_everything(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    clm, simcse = (
        train(experiment(name, small_pydocs, tmp_path), corpus).training.ledger
        for name in ("clm", "simcse")
    )
    assert clm.steps == simcse.steps == 12
    assert clm.rows == simcse.rows == clm.forward_passes == simcse.supervised_targets == 96
    assert clm.tokens == simcse.tokens == clm.supervised_targets - 96  # ends are targets too
    assert simcse.forward_passes == 192
    assert simcse.processed_tokens == 2 * clm.processed_tokens
    assert clm.seconds > 0


@pytest.mark.parametrize("unit", ["flops", "tokens", "steps"])
def test_a_budget_is_spent_and_not_much_more(
    unit: str, corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    amount = {"flops": 3e9, "tokens": 5000, "steps": 7}[unit]
    budget = BudgetConfig(unit=unit, amount=amount)
    ledger = train(experiment("mlm", small_pydocs, tmp_path, budget=budget), corpus).training.ledger
    assert amount <= ledger.spent(unit) <= amount * (1 + 1.5 / ledger.steps)


@pytest.mark.parametrize("unit", ["steps", "tokens", "seconds"])
@pytest.mark.parametrize("name", ["mlm_then_simcse", "mlm"])
def test_no_update_is_lost_to_a_rate_of_0(
    name: str,
    unit: str,
    corpus: Corpus,
    small_pydocs: PydocsConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates: list[float] = []
    update = UpdateStep.__call__

    def noted(self: UpdateStep, prepared: Update, rate: float) -> dict[str, Tensor]:
        rates.append(rate)
        return update(self, prepared, rate)

    monkeypatch.setattr(UpdateStep, "__call__", noted)
    amount = {"steps": 20, "tokens": 20_000, "seconds": 0.5}[unit]
    trained = load_objective(name).with_rows(8)
    budget = BudgetConfig(unit=unit, amount=amount)
    config = experiment(None, small_pydocs, tmp_path, objective=trained, budget=budget)
    train(config, corpus)
    assert len(rates) >= 2
    assert min(rates) > 0
    if unit == "steps" and name == "mlm":  # the sum is that of the schedule, to a hundredth
        exact = np.mean([learning_rate_factor(i / 9999, config.trainer) for i in range(10_000)])
        assert np.mean(rates) / trained.learning_rate == pytest.approx(exact, rel=0.01)


def test_adding_a_probe_or_a_place_does_not_train_again(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    config = experiment("mlm", small_pydocs, tmp_path)
    name = training_name(config.recipe, corpus)
    measured = replace(config, measures=replace(config.measures, rows=64), columns=())
    assert training_name(measured.recipe, corpus) == name
    assert training_name(replace(config, output_dir=tmp_path / "x").recipe, corpus) == name
    faster = replace(config, trainer=replace(config.trainer, weight_decay=0.5))
    assert training_name(faster.recipe, corpus) != name
    assert training_name(replace(config, seed=9).recipe, corpus) != name


def test_a_loss_that_is_not_finite_stops_the_run(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(self: CLM, model: TrainModel, prepared: Prepared) -> LossOutput:
        values = model.backbone.token_embedding.weight.sum() * torch.full((3,), torch.nan)
        return LossOutput((Term("clm", values, torch.zeros(3, dtype=torch.int64)),))

    monkeypatch.setattr(CLM, "loss", diverging)
    with pytest.raises(DivergedError, match="learning_rate"):
        train(experiment("clm", small_pydocs, tmp_path), corpus)
    assert not list(tmp_path.glob("models/*/training.json"))


def test_a_corpus_smaller_than_a_batch_is_refused(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    huge = load_objective("mlm", rows_per_update=10**6)
    with pytest.raises(ValueError, match=r"lower objective\.rows_per_update"):
        train(experiment("mlm", small_pydocs, tmp_path, objective=huge), corpus)


def test_training_lowers_the_held_out_loss(
    corpus: Corpus, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    config = experiment(
        "clm", small_pydocs, tmp_path, budget=BudgetConfig(unit="steps", amount=150)
    )
    trained = train(config, corpus)
    held_out = [point["held_out"] for point in trained.training.curve if "held_out" in point]
    assert held_out[-1] < corpus.card.unigram_nats["validation"] + 0.3
    assert held_out[-1] < held_out[0] - 0.5
    stored = read_sealed(trained.folder / "training.json")
    assert stored["curve"] == trained.training.curve
