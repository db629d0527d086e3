"""ELECTRA's generator: a narrow masked language model on the backbone's own embeddings."""

from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn

from models.backbone import Encoder
from models.batch import Attention, Batch
from models.blocks import Blocks
from models.config import ACTIVATIONS, BackboneConfig, BlocksConfig
from models.flops import backbone_flops, linear_flops
from models.places import Places


class Generator(nn.Module):
    """Embeddings of the backbone to logits at the masked places (Clark et al. 2020).

    Args:
        config: of the backbone, the discriminator.
        vocabulary_size: V.
        narrower: its width is the backbone's divided by this, its depth the same.
    """

    def __init__(self, config: BackboneConfig, vocabulary_size: int, narrower: int) -> None:
        super().__init__()
        narrow = narrow_config(config, narrower)
        self.project = nn.Linear(config.hidden_size, narrow.hidden_size)
        self.blocks = Blocks(narrow)
        self.dense = nn.Linear(narrow.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(Tensor(vocabulary_size).zero_())
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, backbone: Encoder, batch: Batch, places: Places) -> Tensor:
        """(N, V) logits at N places."""
        embedded = backbone.embed(batch.input_ids)
        embedded = F.dropout(embedded, self.blocks.config.dropout, self.training)
        hidden = self.project(embedded)  # (B, T, d)
        few = places if self.blocks.config.narrows(places) else None
        attention = Attention("bidirectional")
        hidden, _ = self.blocks(hidden, batch.attention_mask, attention, places=few)
        chosen = hidden if few else places.take(hidden)  # (N, d)
        wide = self.norm(self.activation(self.dense(chosen)))  # (N, D)
        return F.linear(wide, backbone.token_embedding.weight, self.bias)


def narrow_config(config: BackboneConfig, narrower: int) -> BlocksConfig:
    """The generator's size: as deep, and so many times narrower, heads of the same width.

    Raises:
        ValueError: the width cannot be divided so.
    """
    if config.hidden_size % narrower or config.intermediate_size % narrower:
        raise ValueError(
            f"a generator of 1/{narrower} the width needs a model.hidden_size that {narrower} "
            f"divides; it is {config.hidden_size}"
        )
    heads = max(1, config.num_heads // narrower)
    width = config.hidden_size // narrower
    return replace(
        config.built_beside(),
        hidden_size=width,
        intermediate_size=config.intermediate_size // narrower,
        num_heads=heads if width % heads == 0 else 1,
    )


def generator_flops(
    config: BackboneConfig, vocabulary_size: int, narrower: int, masked: Places
) -> int:
    """One forward pass over padded rows, with logits at the `masked` places."""
    rows, length, count = masked.rows, masked.length, len(masked.flat)
    narrow = narrow_config(config, narrower)
    project = linear_flops(rows * length, config.hidden_size, narrow.hidden_size)
    head = linear_flops(count, narrow.hidden_size, config.hidden_size)
    head += linear_flops(count, config.hidden_size, vocabulary_size)
    return project + backbone_flops(narrow, rows, length, masked) + head
