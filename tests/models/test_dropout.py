import pytest
import torch

from models.dropout import dropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (64, 128, 33)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_are_dropped_or_scaled(
    rate: float, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    states = torch.full(shape, 2.0, dtype=dtype, requires_grad=True)
    found = dropout(states, rate)
    kept = torch.tensor(2.0, dtype=dtype) * torch.tensor(1.0, dtype=dtype).div(1 - rate)
    assert set(found.unique().tolist()) <= {0.0, kept.item()}
    found.sum().backward()
    assert states.grad is not None
    assert torch.equal(states.grad == 0, found == 0)  # the same numbers on the way back
    if states.numel() > 1e5:
        share = (found == 0).double().mean().item()
        assert share == pytest.approx(rate, abs=4 * (rate * (1 - rate) / states.numel()) ** 0.5)


def test_fates_are_independent_of_their_neighbours() -> None:
    """Four of them come from one random number."""
    torch.manual_seed(1)
    dropped = (dropout(torch.ones(400_000), 0.3) == 0).double().view(-1, 4)
    together = torch.corrcoef(dropped.T)
    assert (together - torch.eye(4)).abs().max() < 0.015
    assert dropped.mean(0).tolist() == pytest.approx([0.3] * 4, abs=0.006)
    following = torch.corrcoef(torch.stack([dropped.flatten()[:-1], dropped.flatten()[1:]]))
    assert following[0, 1].abs() < 0.01


def test_the_seed_decides() -> None:
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(dropout(torch.ones(1000), 0.5))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_nothing_happens_where_nothing_is_trained() -> None:
    states = torch.ones(10)
    assert dropout(states, 0.5, training=False) is states
    assert dropout(states, 0.0) is states


def test_no_numbers_have_no_fate() -> None:
    """Of a piece of an update where nothing is supervised."""
    states = torch.ones(0, 8, requires_grad=True)
    found = dropout(states, 0.5)
    assert found.shape == (0, 8)
    found.sum().backward()
    assert states.grad is not None
