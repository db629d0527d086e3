"""The encoder of ModernBERT (Warner et al. 2024)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.attention import SelfAttention, Sight
from models.backbone import Backbone
from models.config import ACTIVATIONS, BlocksConfig, LayerKind
from models.dropout import dropout


@dataclass(frozen=True, kw_only=True)
class ModernConfig(BlocksConfig):
    """LayerNorm before each sublayer (pre-LN), rotary positions (Su et al. 2021), a gated
    feed-forward network (GeGLU, Shazeer 2020), no biases, and windows in most layers.

    Attributes:
        full_every: layers 0, n, 2n, ... see the whole row, those between a window.
        sliding_window: how far a sliding layer sees to either side, in tokens.
        full_base, sliding_base: rotary bases of the two kinds of layers.
        query_key_norm: queries and keys are brought to a root mean square of 1 before they are
            turned (Henry et al. 2020, Dehghani et al. 2023).
        value_residual: the values of each later layer are mixed with those of the first, by two
            learned numbers (Zhou et al. 2024).
        zero_outputs: the matrices that write into the residual stream begin at 0, so that every
            block begins as the identity (Bachlechner et al. 2020, Yang et al. 2022).
    """  # noqa: D205

    full_every: int = 3
    sliding_window: int = 64
    full_base: float = 160_000.0
    sliding_base: float = 10_000.0
    query_key_norm: bool = False
    value_residual: bool = False
    zero_outputs: bool = False

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("full_every", "sliding_window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.hidden_size // self.num_heads % 2:
            raise ValueError(
                f"heads are {self.hidden_size // self.num_heads} wide; rotary positions turn pairs "
                "of numbers, so choose a num_heads that leaves an even width"
            )

    @property
    @override
    def layer_kinds(self) -> tuple[LayerKind, ...]:
        return tuple(
            "sliding" if layer % self.full_every else "full" for layer in range(self.num_layers)
        )

    @property
    @override
    def matrix_weights(self) -> int:
        width, inner = self.hidden_size, self.intermediate_size
        return self.num_layers * (4 * width * width + 3 * width * inner)  # up, down and a gate

    @override
    def window(self, kind: LayerKind) -> int | None:
        return self.sliding_window if kind == "sliding" else None

    @override
    def rotary_base(self, kind: LayerKind) -> float:
        return self.sliding_base if kind == "sliding" else self.full_base

    @property
    @override
    def asks_from_places(self) -> bool:
        return True

    @override
    def block(self, index: int) -> nn.Module:
        return ModernBlock(self, index)

    @override
    @torch.no_grad()
    def begin(self, blocks: nn.Module) -> None:
        if self.zero_outputs:
            for name, weight in blocks.named_parameters():
                if name.endswith(("attention.output.weight", "down.weight")):
                    weight.zero_()

    @override
    def build(self, vocabulary_size: int) -> Backbone:
        width, eps = self.hidden_size, self.layer_norm_eps
        return Backbone(
            self,
            vocabulary_size,
            positions=None,
            embedding_norm=nn.LayerNorm(width, eps=eps, bias=False),
            final_norm=nn.LayerNorm(width, eps=eps, bias=False),
        )


class ModernBlock(nn.Module):
    """Attention then gated feed-forward, each normalised before and added after (pre-LN).

    The first block reads embeddings that are normalised already, and has no norm of its own.
    """

    def __init__(self, config: ModernConfig, index: int) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        norm = nn.LayerNorm(width, eps=eps, bias=False)
        self.attention_norm = norm if index else nn.Identity()
        mixes_values = config.value_residual and index > 0
        self.attention = SelfAttention(
            config, bias=False, normalizes=config.query_key_norm, mixes_values=mixes_values
        )
        self.up_norm = nn.LayerNorm(width, eps=eps, bias=False)
        self.up = nn.Linear(width, 2 * config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, width, bias=False)
        self.activation = ACTIVATIONS[config.activation]

    def forward(
        self, hidden: Tensor, sight: Sight, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, D) to (B, T, D), or (N, D) of some places, and the values of its attention."""
        attended, values = self.attention(self.attention_norm(hidden), sight, first)
        hidden = sight.asking(hidden) + dropout(attended, sight.dropout, self.training)
        value, gate = self.up(self.up_norm(hidden)).chunk(2, dim=-1)  # each (..., intermediate)
        fed = self.down(self.activation(value) * gate)
        return hidden + dropout(fed, sight.dropout, self.training), values
