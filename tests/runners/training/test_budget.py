import pytest

from runners.training.budget import BudgetConfig, Ledger


@pytest.mark.parametrize("amount", [0, -5, float("nan"), float("inf")])
def test_a_budget_of_nothing_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="amount"):
        BudgetConfig(unit="steps", amount=amount)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="known: flops, tokens, steps, seconds"):
        BudgetConfig(unit="epochs", amount=1)


@pytest.mark.parametrize("unit", BudgetConfig.UNITS)
def test_progress_is_the_share_spent_and_never_more_than_all(unit: str) -> None:
    budget = BudgetConfig(unit=unit, amount=10)
    assert Ledger().progress(budget) == 0
    assert Ledger(**{unit: 5}).progress(budget) == 0.5
    assert Ledger(**{unit: 25}).progress(budget) == 1
