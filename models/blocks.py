"""Blocks of the two architectures, and the stack of them that backbones and towers are built of.

`vanilla` is the encoder layer of Vaswani et al. 2017 as BERT uses it (Devlin et al. 2019):
multi-head attention `softmax(QK^T / sqrt(d)) V`, a two-layer feed-forward network, and LayerNorm
after each residual (post-LN). `modern` is that of ModernBERT (Warner et al. 2024): LayerNorm
before each sublayer (pre-LN), rotary positions (Su et al. 2021), a gated feed-forward network
(GeGLU, Shazeer 2020), no biases, and windows in most layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.batch import Attention
from models.config import ACTIVATIONS, BackboneConfig, LayerKind


@dataclass(frozen=True, slots=True)
class Sight:
    """What all layers of one kind share.

    Attributes:
        mask: broadcasts to (B, heads, T, T), True where a token may look; None for everywhere.
        causal: whether to look backwards only, without a mask.
        cos, sin: (T, D / heads) of the rotary angles, or None without rotary positions.
    """

    mask: Tensor | None
    causal: bool
    cos: Tensor | None = None
    sin: Tensor | None = None


class SelfAttention(nn.Module):
    """Multi-head self-attention; query, key and value share one matrix product."""

    def __init__(self, config: BackboneConfig, *, bias: bool = True) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.dropout = config.attention_dropout
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=bias)
        self.output = nn.Linear(config.hidden_size, config.hidden_size, bias=bias)

    def forward(self, hidden: Tensor, sight: Sight) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        rows, length, width = hidden.shape
        projected = self.query_key_value(hidden)  # (B, T, 3D)
        projected = projected.view(rows, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D / heads)
        if sight.cos is not None and sight.sin is not None:
            query = rotate(query, sight.cos, sight.sin).to(value.dtype)
            key = rotate(key, sight.cos, sight.sin).to(value.dtype)
        mixed = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=sight.mask,
            is_causal=sight.causal,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(mixed.transpose(1, 2).reshape(rows, length, width))  # type: ignore[no-any-return]


class VanillaBlock(nn.Module):
    """Attention then feed-forward, each added to its input and then normalised (post-LN)."""

    def __init__(self, config: BackboneConfig, index: int) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, hidden: Tensor, sight: Sight) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        attended = self.dropout(self.attention(hidden, sight))
        hidden = self.attention_norm(hidden + attended)
        fed = self.dropout(self.down(self.activation(self.up(hidden))))
        return self.output_norm(hidden + fed)  # type: ignore[no-any-return]


class ModernBlock(nn.Module):
    """Attention then gated feed-forward, each normalised before and added after (pre-LN).

    The first block reads embeddings that are normalised already, and has no norm of its own.
    """

    def __init__(self, config: BackboneConfig, index: int) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        norm = nn.LayerNorm(width, eps=eps, bias=False)
        self.attention_norm = norm if index else nn.Identity()
        self.attention = SelfAttention(config, bias=False)
        self.up_norm = nn.LayerNorm(width, eps=eps, bias=False)
        self.up = nn.Linear(width, 2 * config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, width, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, hidden: Tensor, sight: Sight) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        hidden = hidden + self.dropout(self.attention(self.attention_norm(hidden), sight))
        value, gate = self.up(self.up_norm(hidden)).chunk(2, dim=-1)  # each (B, T, intermediate)
        fed: Tensor = self.dropout(self.down(self.activation(value) * gate))
        return hidden + fed


class Blocks(nn.ModuleList):
    """A stack of blocks.

    Args:
        config: architecture, width and depth.
    """

    def __init__(self, config: BackboneConfig) -> None:
        block = VanillaBlock if config.architecture == "vanilla" else ModernBlock
        super().__init__(block(config, index) for index in range(config.num_layers))
        self.config = config

    def forward(
        self,
        hidden: Tensor,
        attention_mask: Tensor,
        attention: Attention,
        layers: Sequence[int] = (),
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Through all blocks.

        Args:
            hidden: (B, T, D).
            attention_mask: (B, T) bool.
            attention: who may look at whom; sliding layers narrow it to their window.
            layers: counted from 1, whose states are kept; 0 is `hidden` itself.

        Returns:
            (B, T, D) after the last block, and the states of `layers`.
        """
        sights = {
            kind: self._sight(kind, hidden, attention_mask, attention)
            for kind in sorted(set(self.config.layer_kinds))
        }
        kept = {0: hidden}
        for index, (block, kind) in enumerate(
            zip(self, self.config.layer_kinds, strict=True), start=1
        ):
            hidden = block(hidden, sights[kind])
            if index in layers:
                kept[index] = hidden
        return hidden, kept

    def _sight(
        self, kind: LayerKind, hidden: Tensor, attention_mask: Tensor, attention: Attention
    ) -> Sight:
        config, sliding = self.config, kind == "sliding"
        window = config.sliding_window if sliding else None
        mask, causal = attention.allowed(attention_mask, window)
        if config.architecture == "vanilla":
            return Sight(mask, causal)
        base = config.sliding_base if sliding else config.full_base
        width = config.hidden_size // config.num_heads
        return Sight(mask, causal, *rotary(hidden.shape[1], width, base, hidden.device))


def rotary(
    length: int, width: int, base: float, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """Cosine and sine, each (length, width), of position times base^(-2i / width) (Su et al. 2021).

    The pair i of a head of `width` numbers is (i, i + width / 2).
    """
    exponents = torch.arange(0, width, 2, device=device, dtype=torch.float32) / width
    places = torch.arange(length, device=device, dtype=torch.float32)
    angles = (places[:, None] * (1 / base**exponents)).repeat(1, 2)  # (length, width)
    return angles.cos(), angles.sin()


def rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(..., T, width) with each pair turned by its angle, in float32."""
    first, second = states.float().chunk(2, dim=-1)
    return torch.cat([first, second], -1) * cos + torch.cat([-second, first], -1) * sin
