"""The image tower: a small Vision Transformer of the backbone's own blocks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.backbones.vanilla import VanillaConfig
from models.batch import Attention
from models.blocks import Blocks
from models.config import BackboneConfig, BlocksConfig
from models.flops import backbone_flops, linear_flops

CHANNELS = 3
POSITION_BASE = 10_000.0


class VisionTower(nn.Module):
    """Pixels to one vector an image (ViT, Dosovitskiy et al. 2021).

    Patches are cut and projected, two-dimensional sinusoids are added for their places, and the
    blocks' states are averaged (Beyer et al. 2022: as good as a class token, and of any size).

    Args:
        config: of the text backbone; the tower has its width, depth, heads and dropout.
        patch_size: width and height of a patch in pixels.
    """

    def __init__(self, config: BackboneConfig, patch_size: int) -> None:
        super().__init__()
        self.config, self.patch_size = tower_config(config), patch_size
        width = self.config.hidden_size
        self.patch_embedding = nn.Linear(CHANNELS * patch_size**2, width)
        self.blocks = Blocks(self.config)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 to (B, D); sides are filled up with white to whole patches."""
        pixels = images.to(self.patch_embedding.weight.dtype) / 127.5 - 1
        below, right = (-side % self.patch_size for side in images.shape[2:])
        pixels = F.pad(pixels, (0, right, 0, below), value=1.0)
        patches = F.unfold(pixels, self.patch_size, stride=self.patch_size)  # (B, 3pp, N)
        hidden = self.patch_embedding(patches.transpose(1, 2))  # (B, N, D)
        rows, columns = (side // self.patch_size for side in pixels.shape[2:])
        places = sinusoids(rows, columns, self.config.hidden_size, images.device)
        hidden = hidden + places.to(hidden.dtype)
        hidden = F.dropout(hidden, self.config.dropout, self.training)
        everything = torch.ones(hidden.shape[:2], dtype=torch.bool, device=images.device)
        hidden, _ = self.blocks(hidden, everything, Attention("bidirectional"))
        return hidden.mean(1)  # type: ignore[no-any-return]


def tower_config(config: BackboneConfig) -> BlocksConfig:
    """The size of the tower beside a text backbone: `vanilla` blocks, since patches have places of
    their own.
    """  # noqa: D205
    return VanillaConfig(**config.shape)


def sinusoids(rows: int, columns: int, width: int, device: torch.device | None = None) -> Tensor:
    """(rows * columns, width): a quarter of the width each for sine and cosine of row and column.

    What four does not divide is filled with zeros.
    """
    quarter = width // 4
    rates = POSITION_BASE ** -(torch.arange(quarter, device=device) / max(quarter - 1, 1))
    found = []
    for count, inner in ((rows, False), (columns, True)):
        angles = torch.arange(count, device=device)[:, None] * rates  # (count, quarter)
        waves = torch.cat([angles.sin(), angles.cos()], 1)
        other = columns if not inner else rows
        found.append(waves.repeat(other, 1) if inner else waves.repeat_interleave(other, 0))
    joint = torch.cat(found, 1)
    return F.pad(joint, (0, width - joint.shape[1]))


def tower_flops(config: BackboneConfig, images: tuple[int, ...], patch_size: int) -> int:
    """One forward pass over (B, 3, H, W) images."""
    count, patches = images[0], _patches(images, patch_size)
    blocks = backbone_flops(tower_config(config), count, patches)
    return patch_flops(config, images, patch_size) + blocks


def patch_flops(config: BackboneConfig, images: tuple[int, ...], patch_size: int) -> int:
    """The part of it that projects the patches."""
    positions = images[0] * _patches(images, patch_size)
    return linear_flops(positions, images[1] * patch_size**2, config.hidden_size)


def _patches(images: tuple[int, ...], patch_size: int) -> int:
    return -(-images[2] // patch_size) * -(-images[3] // patch_size)
