"""What must hold of every objective that conf/objective/ names."""

import pytest
from objective_files import OBJECTIVE_FILES, load_objective

from runners.checks import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", OBJECTIVE_FILES)
def test_it_holds(name: str, check: Check) -> None:
    check(load_objective(name))


@pytest.mark.parametrize("name", OBJECTIVE_FILES)
def test_its_traits_are_stated(name: str) -> None:
    objective = load_objective(name)
    traits = objective.traits
    assert traits.family in ("LM", "DAE", "CL", "placebo")
    assert traits.attention in ("causal", "bidirectional")
    assert traits.unit
    assert objective.name == name
    assert (type(objective).__doc__ or "").strip()
