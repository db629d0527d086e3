import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.backbones.modern import ModernConfig
from models.backbones.vanilla import VanillaConfig
from models.config import BackboneConfig
from models.initialization import initialize
from models.vision import VisionTower, sinusoids, tower_flops


def tower_of(config: BackboneConfig, patch_size: int) -> VisionTower:
    tower = VisionTower(config, patch_size)
    initialize(tower, seed=0, std=0.1)
    return tower.eval()


def images_of(count: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, 3, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def test_patches_are_those_of_a_strided_convolution(config: BackboneConfig) -> None:
    """ViT's patch embedding is a convolution; then the blocks read places and patches."""
    tower, images = tower_of(config, 8), images_of(2, 24, 16)
    kernel = tower.patch_embedding.weight.view(config.hidden_size, 3, 8, 8)
    convolved = F.conv2d(images / 127.5 - 1, kernel, tower.patch_embedding.bias, stride=8)
    hidden = convolved.flatten(2).transpose(1, 2) + sinusoids(3, 2, config.hidden_size)
    from models.batch import Attention

    mask = torch.ones(hidden.shape[:2], dtype=torch.bool)
    expected = tower.blocks(hidden, mask, Attention())[0].mean(1)
    torch.testing.assert_close(tower(images), expected, atol=1e-5, rtol=1e-5)


def test_places_are_told_apart_by_row_and_by_column() -> None:
    places = sinusoids(5, 7, 32).view(5, 7, 32)
    assert torch.equal(places[2, 1, :16], places[2, 6, :16])  # the row's half
    assert torch.equal(places[1, 3, 16:], places[4, 3, 16:])  # the column's
    flat = places.view(35, 32)
    assert (torch.cdist(flat, flat) + 10 * torch.eye(35)).min() > 0.1
    assert sinusoids(2, 2, 30).shape == (4, 30)


def test_sides_that_patches_do_not_fill_are_filled_with_white(config: BackboneConfig) -> None:
    tower, images = tower_of(config, 8), images_of(1, 20, 13)
    white = torch.full((1, 3, 24, 16), 255, dtype=torch.uint8)
    white[:, :, :20, :13] = images
    assert torch.equal(tower(images), tower(white))


def test_a_moved_picture_is_another(config: BackboneConfig) -> None:
    tower, images = tower_of(config, 4), images_of(1, 16, 16)
    assert not torch.allclose(tower(images), tower(images.roll(4, dims=3)), atol=1e-3)


@pytest.mark.parametrize("kind", [VanillaConfig, ModernConfig])
@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 20, 13)])
def test_its_operations_are_counted(
    config: BackboneConfig, kind: type[BackboneConfig], shape: tuple[int, int, int]
) -> None:
    config = kind(**config.shape)
    tower, images = tower_of(config, 8), images_of(*shape)
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        tower(images)
    assert counter.get_total_flops() == tower_flops(config, tuple(images.shape), 8)
