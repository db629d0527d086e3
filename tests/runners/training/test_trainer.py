import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from objectives.trainable import Phase
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.trainer import (
    TrainerConfig,
    learning_rate,
    learning_rate_factor,
)


@pytest.mark.parametrize("decay", TrainerConfig.DECAYS)
def test_the_rate_rises_to_its_peak_and_ends_where_it_should(decay: str) -> None:
    config = AdamWConfig(decay=decay, warmup=0.2, final_share=0.1)
    factors = [learning_rate_factor(i / 100, config) for i in range(101)]
    assert factors[0] == 0
    assert factors[10] == pytest.approx(0.5)
    assert factors[20] == pytest.approx(1)
    assert factors[100] == pytest.approx(1 if decay == "constant" else 0.1)
    assert all(a >= b for a, b in itertools.pairwise(factors[20:]))
    assert learning_rate_factor(0.0, replace(config, warmup=0.0)) == 1


def test_halfway_down() -> None:
    for decay in ("cosine", "linear"):
        for share, middle in ((1.0, 0.5), (0.2, 0.9)):
            config = AdamWConfig(decay=decay, warmup=0.0, decay_share=share)
            assert learning_rate_factor(middle, config) == pytest.approx(0.5)


def test_the_rate_stays_at_its_peak_until_the_last_part() -> None:
    config = AdamWConfig(warmup=0.1, decay_share=0.2)
    factors = [learning_rate_factor(progress, config) for progress in (0.1, 0.5, 0.8, 0.95, 1.0)]
    assert factors == pytest.approx([1, 1, 1, 0.25, 0])
    long = replace(config, decay_share=0.95)  # begins when the warm-up has ended
    assert learning_rate_factor(0.55, long) == pytest.approx(0.5)


def test_an_update_has_the_rate_of_its_middle_within_its_phase() -> None:
    config = AdamWConfig(decay="linear", decay_share=1.0, warmup=0.2, learning_rate_scale=0.5)

    def rate(progress: float, taken: float, share: float = 1.0) -> float:
        phase = Phase(index=0, progress=progress, learning_rate=4, rows_per_update=8, share=share)
        return learning_rate(phase, taken, config)

    assert rate(0.0, 0.1) == pytest.approx(2 * 0.25)  # in the middle of [0, 0.1] of 0.2
    assert rate(0.0, 0.1, share=0.5) == pytest.approx(2 * 0.5)  # twice as much of half a budget
    assert rate(0.9, 0.1) == pytest.approx(2 * 0.05 / 0.8)
    assert rate(0.9, 0.9) == rate(0.9, 0.1)  # past its end there is no phase


def test_only_matrices_decay() -> None:
    module = nn.Linear(3, 3)
    module.bias.data.fill_(1.0)
    before = module.weight.detach().clone()
    optimizer = AdamWConfig(weight_decay=0.5).build(module, 0.1, 1000)
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(module.weight, before * (1 - 0.1 * 0.5))
    assert torch.equal(module.bias, torch.ones(3))


def test_the_second_moment_forgets_by_tokens() -> None:
    """One update of 64 rows forgets as much as eight of 8 rows."""
    config = AdamWConfig(second_moment_tokens=1e5)
    small, large = config.beta2(600), config.beta2(8 * 600)
    assert small**8 == pytest.approx(large)
    assert config.beta2(1e5) == pytest.approx(1 / math.e)


@pytest.mark.parametrize(
    "change",
    [
        {"warmup": 1.5},
        {"decay": "exponential"},
        {"decay_share": 0.0},
        {"decay_share": 1.1},
        {"dtype": "float16"},
        {"device": "tpu"},
        {"clip_norm": 0.0},
        {"beta1": 1.0},
        {"second_moment_tokens": 0.0},
        {"micro_batch_rows": 0},
        {"weight_decay": -1.0},
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        AdamWConfig(**change)  # type: ignore[arg-type]
