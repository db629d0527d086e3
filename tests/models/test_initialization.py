import subprocess
import sys

import torch
from conftest import VOCABULARY
from torch import nn

from models.config import BackboneConfig
from models.heads import TokenHead
from models.initialization import initialize, seed_of, weights_hash


def test_a_further_head_does_not_shift_the_backbone(config: BackboneConfig) -> None:
    alone = nn.ModuleDict({"backbone": config.build(VOCABULARY.size)})
    together = nn.ModuleDict(
        {"a_head": TokenHead(config, 99), "backbone": config.build(VOCABULARY.size)}
    )
    for module in (alone, together):
        initialize(module, seed=3, std=0.02)
    assert weights_hash(alone["backbone"]) == weights_hash(together["backbone"])


def test_another_seed_gives_other_weights(config: BackboneConfig) -> None:
    hashes = set()
    for seed in (0, 1):
        backbone = config.build(VOCABULARY.size)
        initialize(backbone, seed=seed, std=0.02)
        hashes.add(weights_hash(backbone))
    assert len(hashes) == 2


def test_matrices_are_normal_biases_0_and_norms_1(config: BackboneConfig) -> None:
    backbone = config.build(4096)
    initialize(backbone, seed=0, std=0.02)
    weight = backbone.token_embedding.weight.detach()
    assert abs(float(weight.std()) - 0.02) < 2e-4
    assert abs(float(weight.mean())) < 2e-4
    assert torch.equal(backbone.blocks[0].up.bias, torch.zeros(64))
    assert torch.equal(backbone.blocks[1].output_norm.weight, torch.ones(32))


def test_seeds_do_not_depend_on_the_process() -> None:
    code = "from models.initialization import seed_of; print(seed_of('x', 1, 2.5))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert int(other.stdout) == seed_of("x", 1, 2.5)
    assert seed_of("a", "b") != seed_of("ab")


def test_norms_scales_and_slopes_of_a_head_are_not_silenced() -> None:
    """In a Sequential nothing is called `norm`: zeroed weights would pass no signal, silently."""
    head = nn.Sequential(
        nn.Linear(4, 4), nn.BatchNorm1d(4), nn.PReLU(), nn.Linear(4, 4), nn.LayerNorm(4)
    )
    head.register_parameter("scale", nn.Parameter(torch.full((4,), 0.5)))
    initialize(head, seed=0, std=0.02)
    for norm in (head[1], head[4]):
        assert torch.equal(norm.weight, torch.ones(4))
        assert torch.equal(norm.bias, torch.zeros(4))
    assert torch.equal(head[2].weight, torch.tensor([0.25]))
    assert torch.equal(head.scale, torch.full((4,), 0.5))
    for layer in (head[0], head[3]):
        assert torch.equal(layer.bias, torch.zeros(4))
        assert 0 < layer.weight.abs().max() < 0.2


def test_every_bias_begins_at_0_whatever_it_is_called() -> None:
    recurrent = nn.GRU(3, 3)
    initialize(recurrent, seed=0, std=0.02)
    assert not recurrent.bias_ih_l0.any()
    assert not recurrent.bias_hh_l0.any()
