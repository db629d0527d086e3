from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from conftest import VOCABULARY, make_batch
from objective_files import OBJECTIVE_FILES, load_objective
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.backbones.modern import ModernConfig
from models.backbones.vanilla import VanillaConfig
from models.config import BackboneConfig
from objectives.base import Moment, build_model
from runners.checks import leaves_of, total_of

Build = Callable[..., BackboneConfig]
VANILLA: Any = VanillaConfig
MODERN: Any = partial(ModernConfig, sliding_window=16)


@pytest.mark.parametrize("name", OBJECTIVE_FILES)
@pytest.mark.parametrize(
    ("build", "lengths"),
    [(VANILLA, [40] * 4), (VANILLA, [20, 11, 3, 20]), (MODERN, [60, 60])],
)
def test_a_step_counts_what_flop_counter_mode_counts(
    config: BackboneConfig, name: str, build: Build, lengths: list[int]
) -> None:
    objective = load_objective(name)
    config = build(**{**config.shape, "max_length": 256})
    model = build_model(objective, config, VOCABULARY.size, seed=0)
    batch = make_batch(lengths)
    for moment in (Moment(0, 0.0), Moment(1, 0.99)):  # both phases of a sequence, both turns
        leaves = leaves_of(objective, batch, moment)
        counter = FlopCounterMode(display=False)
        with counter, sdpa_kernel(SDPBackend.MATH):  # fused attention counts as nothing on a CPU
            total_of(model, leaves).backward()
        ours = sum(
            leaf.objective.training_flops(config, VOCABULARY.size, leaf.prepared) for leaf in leaves
        )
        assert counter.get_total_flops() == pytest.approx(ours, rel=0.01)


def test_attention_is_in_the_count(config: BackboneConfig) -> None:
    from models.flops import backbone_flops

    short, long = backbone_flops(config, 2, 16), backbone_flops(config, 1, 32)
    width = config.hidden_size
    assert long - short == config.num_layers * 4 * width * (32 * 32 - 2 * 16 * 16)
