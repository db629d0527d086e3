import pytest

import runners.configuration.presets as module
from runners.configuration.presets import Preset, better_preset, preset_for, presets
from runners.training.budget import BudgetConfig

TABLE = (Preset("small", 100, 1e6), Preset("odd", 50, 1e7), Preset("large", 1000, 1e9))
"""In tokens they begin at 1,667, at 33,333 and at 166,667."""


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "presets", lambda: TABLE)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("unit", "amount", "name"),
    [
        ("flops", 1e6, "small"),
        ("flops", 9.9e6, "small"),
        ("flops", 1e7, "odd"),
        ("flops", 1e12, "large"),
        ("tokens", 1667, "small"),
        ("tokens", 50_000, "small"),
        ("tokens", 166_667, "large"),
    ],
)
def test_flops_take_the_last_line_reached_and_tokens_the_largest_model(
    unit: str, amount: float, name: str
) -> None:
    assert preset_for(BudgetConfig(unit=unit, amount=amount)).name == name


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("unit", "amount", "message"),
    [
        ("seconds", 1e9, "budget.unit is seconds: take budget=flops or budget=tokens, or name a"),
        ("steps", 1e9, "known before the run, and budget.unit is steps"),
        ("flops", 9e5, r"is 900000 flops, .* is 1e\+06 \(model=small\): raise budget.amount, or"),
        ("tokens", 1000, r"is 1000 tokens, .* is 1.67e\+03 \(model=small\): raise"),
    ],
)
def test_a_budget_that_suits_no_preset_is_refused_with_a_way_out(
    unit: str, amount: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        preset_for(BudgetConfig(unit=unit, amount=amount))


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("unit", "amount", "weights", "name"),
    [
        ("flops", 2e6, 101, "small"),
        ("flops", 2e6, 100, ""),
        ("tokens", 2e5, 1001, "large"),
        ("flops", 1e3, 10**9, ""),
        ("steps", 1e9, 10**9, ""),
    ],
)
def test_a_better_preset_is_a_smaller_one(
    unit: str, amount: float, weights: int, name: str
) -> None:
    found = better_preset(BudgetConfig(unit=unit, amount=amount), weights)
    assert (found.name if found else "") == name


def test_larger_budgets_take_larger_models() -> None:
    """So that "the largest" and "the last line reached" mean one thing."""
    assert sorted(presets(), key=lambda p: p.from_flops) == sorted(
        presets(), key=lambda p: p.weights
    )
