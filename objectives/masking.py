"""Which tokens are hidden, and what stands in their place: for every objective that masks."""

import math
from functools import cache

import torch
from torch import Tensor

from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.randomness import RowRandom

UNITS = ("token", "word", "span")


def choose_masked(
    batch: Batch,
    vocabulary: Vocabulary,
    draw: RowRandom,
    *,
    probability: float,
    unit: str = "token",
    longest_span: int = 3,
) -> Tensor:
    """(B, T) bool, each ordinary token with `probability`, at least one in the batch.

    At least one in every row would bias the rate: 0.184 for 0.15 in rows of 8 tokens.

    Args:
        batch: special tokens and padding are never chosen.
        vocabulary: which ids are special, and which begin a word.
        draw: of the rows.
        probability: of each token, whatever the unit.
        unit: what is chosen together: one token, the tokens of a word, or spans of 1 to
            `longest_span` tokens.
        longest_span: of `span`.
    """
    eligible = batch.attention_mask & ~vocabulary.is_special[batch.input_ids]
    length = eligible.shape[1]
    if unit == "span":
        uniform = draw.uniform("mask_select", length + longest_span - 1)
        chosen = eligible & _covered(uniform, probability, longest_span)
        uniform = uniform[:, longest_span - 1 :]
    else:
        uniform = draw.uniform("mask_select", length)
        if unit == "word":
            uniform = uniform.gather(1, _word_starts(batch.input_ids, eligible, vocabulary))
        chosen = eligible & (uniform < probability)
    if not chosen.any() and eligible.any():
        lowest = uniform.masked_fill(~eligible, torch.inf)
        chosen = eligible & (lowest == lowest.min())
    return chosen


def _word_starts(input_ids: Tensor, eligible: Tensor, vocabulary: Vocabulary) -> Tensor:
    """(B, T) int64, for each token the place at which its word begins."""
    begins = torch.ones_like(eligible)
    continued = vocabulary.joins_next[input_ids[:, :-1]] & vocabulary.joins_last[input_ids[:, 1:]]
    begins[:, 1:] = ~(continued & eligible[:, :-1] & eligible[:, 1:])
    places = torch.arange(input_ids.shape[1]).expand_as(input_ids)
    return places.masked_fill(~begins, 0).cummax(1).values


def _covered(uniform: Tensor, probability: float, longest: int) -> Tensor:
    """(B, T) bool, places that a random span covers, from (B, T + longest - 1) draws.

    At every place, and at as many before the row as a span may reach back, a span begins with
    one probability and has a length of 1 to `longest`, all equally likely; so the rate is the
    same at every place of a row.
    """
    begin = _begin_probability(probability, longest)
    lengths = torch.where(uniform < begin, (uniform / begin * longest).floor() + 1, 0.0)
    length = uniform.shape[1] - longest + 1
    covered = torch.zeros(len(uniform), length, dtype=torch.bool)
    for back in range(longest):  # spans that began so many places before
        start = longest - 1 - back
        covered |= lengths[:, start : start + length] > back
    return covered


@cache
def _begin_probability(rate: float, longest: int) -> float:
    """The probability at which spans must begin for a share `rate` of places to be covered."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        uncovered = math.prod(1 - middle * (longest - k) / longest for k in range(longest))
        low, high = (middle, high) if 1 - uncovered < rate else (low, middle)
    return (low + high) / 2


def replace_masked(
    batch: Batch,
    chosen: Tensor,
    vocabulary: Vocabulary,
    draw: RowRandom,
    *,
    mask_share: float = 1.0,
    random_share: float = 0.0,
) -> Tensor:
    """(B, T) int64 ids: of the chosen, a share `[MASK]`, a share random ordinary tokens."""
    length = batch.input_ids.shape[1]
    action = draw.uniform("mask_action", length)
    masked = chosen & (action < mask_share)
    randomized = chosen & ~masked & (action < mask_share + random_share)
    ordinary = vocabulary.ordinary_ids
    choice = (draw.uniform("mask_token", length) * len(ordinary)).long()
    input_ids = batch.input_ids.masked_fill(masked, vocabulary.mask_id)
    return torch.where(randomized, ordinary[choice], input_ids)


def check_probability(name: str, value: float) -> None:
    """Raise ValueError unless a mask rate lies in (0, 1)."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} is {value}; it must lie in (0, 1), e.g. 0.15")


def check_span(name: str, length: float, sequence_length: int) -> None:
    """Raise ValueError if spans are longer than the text of a row."""
    if length > sequence_length - 2:
        raise ValueError(
            f"{name} is {length:g} and a row holds {sequence_length - 2} tokens of text "
            "(dataset.sequence_length less two); spans must fit a row"
        )
