"""Dropout whose draws are cheap on a processor (Srivastava et al. 2014)."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

STEPS = 2**16
"""A draw has so many values: four are cut from one random number of 64 bits."""


def dropout(states: Tensor, rate: float, training: bool = True) -> Tensor:
    """Each number is 0 with probability `rate`, or divided by 1 - rate.

    On a processor torch draws each number's fate apart; here forward and backward take a sixth
    of that (docs/performance.md): the draws are SFC64's (Doty-Humphrey 2010), which torch's
    generator seeds. The rate is met to 1/65,536.

    Args:
        states: of any shape.
        rate: in [0, 1).
        training: if false, nothing happens.
    """
    if not training or rate == 0.0 or not states.numel():
        return states
    if states.device.type != "cpu":
        return F.dropout(states, rate)
    count = states.numel()
    draws = random_words(math.ceil(count / 4)).view(torch.int16)[:count].view(states.shape)
    kept = torch.empty_like(states, requires_grad=False)
    torch.ge(draws, round(rate * STEPS) - STEPS // 2, out=kept)  # a tenth of `>=` and `to`
    return states * kept.div_(1.0 - rate)


@torch.library.custom_op("compare::random_words", mutates_args=())
def random_words(count: int) -> Tensor:
    """(count,) int64, all their bits random; one operator, so that a compiler need not look inside
    and memory can be counted without drawing.
    """  # noqa: D205
    seed = int(torch.randint(2**63 - 1, ()))
    return torch.from_numpy(np.random.SFC64(seed).random_raw(count).view(np.int64))


@random_words.register_fake
def _of_no_numbers(count: int) -> Tensor:
    return torch.empty(count, dtype=torch.int64)
