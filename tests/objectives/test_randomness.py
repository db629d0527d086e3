import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from objectives.randomness import RowRandom


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.integers(0, 2**40), min_size=1, max_size=6, unique=True),
    short=st.integers(1, 20),
    more=st.integers(0, 20),
    seed=st.integers(0, 2**31),
)
def test_draws_belong_to_the_row(rows: list[int], short: int, more: int, seed: int) -> None:
    whole = RowRandom(seed, rows).uniform("x", short + more)
    for place, row in enumerate(rows):
        alone = RowRandom(seed, [row]).uniform("x", short)
        assert torch.equal(alone[0], whole[place, :short])


def test_draws_are_uniform_and_differ_by_row_seed_and_purpose() -> None:
    draws = RowRandom(0, range(200)).uniform("x", 64)
    assert kstest(draws.flatten().numpy(), "uniform").pvalue > 0.001
    correlations = np.corrcoef(draws.numpy())
    assert np.abs(correlations[np.triu_indices(200, 1)]).max() < 0.7
    for other in (
        RowRandom(1, range(200)).uniform("x", 64),
        RowRandom(0, range(200)).uniform("y", 64),
    ):
        assert abs(np.corrcoef(draws.flatten(), other.flatten())[0, 1]) < 0.05
