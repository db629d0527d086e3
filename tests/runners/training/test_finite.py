import math

import pytest
import torch
from torch import Tensor

from runners.training.finite import MOST, DivergedError, Finite


def number(value: float) -> Tensor:
    return torch.tensor(value)


def test_at_once_the_first_number_that_is_not_finite_stops_it() -> None:
    finite = Finite(at_once=True)
    finite.note(1, {"loss of a": number(1e38), "loss": number(-2.0)})
    assert not finite.is_waiting
    with pytest.raises(DivergedError, match="diverged at step 2: the loss of b is -inf"):
        finite.note(2, {"loss of a": number(0), "loss of b": number(-math.inf)})


def test_what_waits_is_told_by_the_update_that_it_is_of() -> None:
    """Later ones are wrong too, since their weights are."""
    finite = Finite(at_once=False)
    for step, value in enumerate((1.0, 2.0, math.nan, math.nan, math.inf), start=1):
        finite.note(step, {"loss": number(value), "norm of the gradient": number(1.0)})
    assert finite.is_waiting
    with pytest.raises(DivergedError, match="at step 3: the loss is nan"):
        finite.read()
    finite.read()  # there is nothing left


def test_no_more_wait_than_a_device_holds_easily() -> None:
    finite = Finite(at_once=False)
    for step in range(1, MOST):
        finite.note(step, {"loss": number(math.nan)})
    with pytest.raises(DivergedError, match="at step 1:"):
        finite.note(MOST, {"loss": number(1.0)})
