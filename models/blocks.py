"""Blocks of the two architectures, and the stack of them that backbones and towers are built of.

`vanilla` is the encoder layer of Vaswani et al. 2017 as BERT uses it (Devlin et al. 2019):
multi-head attention `softmax(QK^T / sqrt(d)) V`, a two-layer feed-forward network, and LayerNorm
after each residual (post-LN). `modern` is that of ModernBERT (Warner et al. 2024): LayerNorm
before each sublayer (pre-LN), rotary positions (Su et al. 2021), a gated feed-forward network
(GeGLU, Shazeer 2020), no biases, and windows in most layers.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.attention import SelfAttention, Sight, rotary
from models.batch import Attention
from models.config import ACTIVATIONS, BackboneConfig, LayerKind


class VanillaBlock(nn.Module):
    """Attention then feed-forward, each added to its input and then normalised (post-LN)."""

    def __init__(self, config: BackboneConfig, index: int) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.activation = ACTIVATIONS[config.activation]

    def forward(
        self, hidden: Tensor, sight: Sight, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, D) to (B, T, D), and the values of its attention."""
        attended, values = self.attention(hidden, sight)
        attended = F.dropout(attended, sight.dropout, self.training)
        hidden = self.attention_norm(hidden + attended)
        fed = self.down(self.activation(self.up(hidden)))
        fed = F.dropout(fed, sight.dropout, self.training)
        return self.output_norm(hidden + fed), values


class ModernBlock(nn.Module):
    """Attention then gated feed-forward, each normalised before and added after (pre-LN).

    The first block reads embeddings that are normalised already, and has no norm of its own.
    """

    def __init__(self, config: BackboneConfig, index: int) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        norm = nn.LayerNorm(width, eps=eps, bias=False)
        self.attention_norm = norm if index else nn.Identity()
        mixes_values = config.value_residual and index > 0
        self.attention = SelfAttention(config, bias=False, mixes_values=mixes_values)
        self.up_norm = nn.LayerNorm(width, eps=eps, bias=False)
        self.up = nn.Linear(width, 2 * config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, width, bias=False)
        self.activation = ACTIVATIONS[config.activation]

    def forward(
        self, hidden: Tensor, sight: Sight, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, D) to (B, T, D), and the values of its attention."""
        attended, values = self.attention(self.attention_norm(hidden), sight, first)
        hidden = hidden + F.dropout(attended, sight.dropout, self.training)
        value, gate = self.up(self.up_norm(hidden)).chunk(2, dim=-1)  # each (B, T, intermediate)
        fed = self.down(self.activation(value) * gate)
        return hidden + F.dropout(fed, sight.dropout, self.training), values


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
        dropout: float | None = None,
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Through all blocks.

        Args:
            hidden: (B, T, D).
            attention_mask: (B, T) bool.
            attention: who may look at whom; sliding layers narrow it to their window.
            layers: counted from 1, whose states are kept; 0 is `hidden` itself.
            dropout: in place of the configured rate.

        Returns:
            (B, T, D) after the last block, and the states of `layers`.
        """
        rate = self.config.dropout if dropout is None else dropout
        sights = {
            kind: self._sight(kind, hidden, attention_mask, attention, rate)
            for kind in sorted(set(self.config.layer_kinds))
        }
        kept: dict[int, Tensor] = {0: hidden}
        first: Tensor | None = None
        for index, (block, kind) in enumerate(
            zip(self, self.config.layer_kinds, strict=True), start=1
        ):
            hidden, values = block(hidden, sights[kind], first)
            first = values if first is None else first
            if index in layers:
                kept[index] = hidden
        return hidden, kept

    @torch.no_grad()
    def silence(self) -> None:
        """Set the matrices that write into the residual stream to 0 (`zero_outputs`)."""
        for name, weight in self.named_parameters():
            if name.endswith(("attention.output.weight", "down.weight")):
                weight.zero_()

    def _sight(
        self,
        kind: LayerKind,
        hidden: Tensor,
        attention_mask: Tensor,
        attention: Attention,
        dropout: float,
    ) -> Sight:
        config, sliding = self.config, kind == "sliding"
        window = config.sliding_window if sliding else None
        mask, causal = attention.allowed(attention_mask, window)
        if config.architecture == "vanilla":
            return Sight(mask, causal, dropout)
        base = config.sliding_base if sliding else config.full_base
        width = config.hidden_size // config.num_heads
        return Sight(mask, causal, dropout, *rotary(hidden.shape[1], width, base, hidden.device))
