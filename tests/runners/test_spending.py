"""What a plan says of a training is what the training then spends."""

from collections import deque
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from experiments import experiment, train
from objective_files import load_objective

from runners.corpora.corpus import Corpus
from runners.corpora.pydocs import PydocsConfig
from runners.spending import expected
from runners.training.budget import BudgetConfig, Ledger
from runners.training.recipe import Recipe
from runners.training.room import Room
from runners.training.updates import updates


def told(recipe: Recipe, corpus: Corpus, rate: float = 1e-9) -> Ledger:
    """As a plan finds it, on a machine of so many seconds a FLOP."""
    assert recipe.objective is not None
    samples, start = [], 0.0
    for phase in recipe.objective.phases:
        *_, last = islice(updates(recipe, corpus, Ledger(), progress=start), 6)
        samples.append(replace(last.ledger, seconds=rate * last.ledger.flops))
        start += phase.share
    return expected(recipe, corpus, samples, Room(None))


def counted(ledger: Any) -> dict[str, float]:
    return {name: value for name, value in asdict(ledger).items() if name != "seconds"}


@pytest.mark.parametrize("name", ["clm", "mlm_then_simcse"])
def test_a_short_training_is_counted_to_the_end(
    name: str, small_pydocs: PydocsConfig, corpus: Corpus, tmp_path: Path
) -> None:
    """And no further: other rows are longer, or shorter."""
    config = experiment(None, small_pydocs, tmp_path, objective=load_objective(name))
    config = replace(config, budget=BudgetConfig(unit="tokens", amount=3_000))
    spent = train(config, corpus).training.ledger
    assert spent.steps < 30
    assert counted(told(config.recipe, corpus)) == counted(spent)


def test_a_budget_of_seconds_goes_by_the_samples(
    small_pydocs: PydocsConfig, corpus: Corpus, tmp_path: Path
) -> None:
    budget = BudgetConfig(unit="seconds", amount=0.5)
    recipe = experiment("clm", small_pydocs, tmp_path, budget=budget).recipe
    found = told(recipe, corpus)
    assert found.seconds == pytest.approx(1e-9 * found.flops)
    assert 0.5 <= found.seconds < 0.5 + 2e-9 * found.flops / found.steps


@pytest.mark.parametrize("name", ["mlm", "gpt_bert", "mlm_then_simcse"])
def test_some_updates_of_every_part_stand_for_a_long_training(
    name: str, small_pydocs: PydocsConfig, corpus: Corpus, tmp_path: Path
) -> None:
    """A schedule has MLM mask three times as many tokens at its end."""
    masked = {"mlm_probability": {"schedule": "linear", "start": 0.1, "end": 0.3}}
    changes = masked if name == "mlm" else {}
    objective = load_objective(name, **changes)
    if name == "gpt_bert":
        objective = load_objective(name, ratio={"clm": 1, "mntp": 7}, by="batch")
    budget = BudgetConfig(unit="steps", amount=1_000)
    config = experiment(None, small_pydocs, tmp_path, objective=objective, budget=budget)
    (last,) = deque(updates(config.recipe, corpus, Ledger()), maxlen=1)
    found, true = counted(told(config.recipe, corpus)), counted(last.ledger)
    assert found == {n: pytest.approx(value, rel=0.05) for n, value in true.items()}
