"""What is cut, as far as one process sees it; two of them train in faults/test_ranks.py."""

from pathlib import Path

import torch
from checkpoints import save_checkpoint
from objective_files import load_objective
from torch import nn

from models.backbones.vanilla import VanillaConfig
from models.blocks import Blocks
from objectives.base import build_model
from runners.configuration.checkpoint import CheckpointConfig
from runners.sharding import clip_grad_norm, stacks_of, whole

MODEL = VanillaConfig(
    hidden_size=32, num_layers=3, num_heads=2, intermediate_size=64, max_length=16
)


def test_stacks_are_found_in_heads_too() -> None:
    """The generator of replaced-token detection is a model of its own."""
    found = list(stacks_of(build_model(load_objective("rtd"), MODEL, 600, 0)))
    assert len(found) == 2
    assert all(isinstance(stack, Blocks) for stack in found)


def test_a_checkpoint_has_the_stack_of_its_own_library(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "small", "gpt2")
    config = CheckpointConfig(architecture="pretrained", path=str(tmp_path / "small")).read()
    (stack,) = stacks_of(build_model(load_objective("clm"), config, 600, 0))
    assert len(stack) == config.num_layers
    assert type(stack[0]).__name__ == "GPT2Block"


def test_clipping_whole_gradients_is_torchs_own() -> None:
    sides = [nn.Linear(5, 3), nn.Linear(5, 3)]
    for side in sides:
        side.load_state_dict(sides[0].state_dict())
        side(torch.arange(10.0).view(2, 5)).square().sum().backward()
    found = clip_grad_norm(sides[0].parameters(), 0.5)
    assert torch.equal(found, nn.utils.clip_grad_norm_(sides[1].parameters(), 0.5))
    for one, other in zip(sides[0].parameters(), sides[1].parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)  # type: ignore[arg-type]


def test_what_is_not_cut_stays_as_it_is() -> None:
    tree = {"weight": torch.ones(2), "step": 3}
    assert whole(tree, keep=False)["weight"] is tree["weight"]
