import pytest
import torch
from conftest import ORDINARY_END, SPECIAL, VOCABULARY, make_batch, only
from objective_files import load_objective
from scipy.stats import binom

from models.batch import Batch
from objectives.masking import choose_masked
from objectives.prepared import IGNORE_INDEX
from objectives.randomness import RowRandom
from runners.checks import leaves_of

LENGTHS = {8: 20_000, 16: 12_000, 32: 8_000, 64: 4_000, 128: 2_000}
"""Rows of each length: about a million eligible tokens in all."""


def chosen(batch: Batch, unit: str, probability: float = 0.15) -> torch.Tensor:
    draw = RowRandom(0, batch.row_ids)
    return choose_masked(batch, VOCABULARY, draw, probability=probability, unit=unit)


def within_limits(count: int, total: int, probability: float) -> bool:
    low, high = binom.interval(0.999, total, probability)
    return bool(low <= count <= high)


@pytest.mark.parametrize("length", LENGTHS)
def test_rates_lie_within_binomial_limits_in_every_length_bin(length: int) -> None:
    batch = make_batch([length] * LENGTHS[length])
    prepared = only(leaves_of(load_objective("mlm"), batch, seed=3))
    assert prepared.labels is not None
    selected = prepared.labels != IGNORE_INDEX
    count, eligible = int(selected.sum()), length * LENGTHS[length]
    assert within_limits(count, eligible, 0.15)
    now, before = prepared.inputs.input_ids[selected], batch.input_ids[selected]
    masked = now == VOCABULARY.mask_id
    changed = ~masked & (now != before)
    ordinary = ORDINARY_END - SPECIAL
    assert within_limits(int(masked.sum()), count, 0.8)
    assert within_limits(int(changed.sum()), count, 0.1 * (ordinary - 1) / ordinary)
    assert not VOCABULARY.is_special[now[~masked]].any()


def test_a_rate_of_a_hundredth_more_is_caught() -> None:
    batch = make_batch([64] * 4000)
    assert within_limits(int(chosen(batch, "token").sum()), 256_000, 0.15)
    assert not within_limits(int(chosen(batch, "token", 0.16).sum()), 256_000, 0.15)


def test_words_are_chosen_whole() -> None:
    batch = make_batch([40] * 500)
    selected = chosen(batch, "word")
    assert int(selected.sum()) / (40 * 500) == pytest.approx(0.15, abs=0.01)
    joined = 0
    for row, picked in zip(batch.input_ids.tolist(), selected.tolist(), strict=True):
        for place in range(2, 41):
            before, token = VOCABULARY.tokens[row[place - 1]], VOCABULARY.tokens[row[place]]
            if before[-1:].isalnum() and token[:1].isalnum():
                assert picked[place] == picked[place - 1]
                joined += 1
    assert joined > 1000


def test_spans_have_one_rate_at_every_place_and_all_lengths() -> None:
    rows = 20_000
    selected = chosen(make_batch([12] * rows), "span")[:, 1:13]
    for place in selected.sum(0).tolist():
        assert within_limits(place, rows, 0.15)  # the first and the last too
    runs = torch.zeros(14, dtype=torch.int64)
    for row in selected[:4000].tolist():
        length = 0
        for picked in [*row, False]:
            if picked:
                length += 1
            elif length:
                runs[length] += 1
                length = 0
    assert (runs[1:4] > 100).all()
    assert runs[2] > 0.1 * runs.sum()


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_at_least_one_is_chosen_in_a_batch(unit: str) -> None:
    assert chosen(make_batch([8, 5]), unit, probability=1e-9).any()
