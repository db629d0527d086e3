"""Size and shape of a backbone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from models.batch import AttentionKind

LayerKind = Literal["full", "sliding"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
}

MODERN = ("query_key_norm", "value_residual", "zero_outputs")
"""Settings that only that architecture has, off unless asked for."""


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Size and shape of a backbone; the files in conf/model/ are presets of it.

    Attributes:
        architecture: the family of blocks, `vanilla` or `modern` (models/blocks.py).
        hidden_size: width of the residual stream, D.
        num_layers: number of blocks.
        num_heads: attention heads; they divide `hidden_size`.
        intermediate_size: width of the feed-forward network.
        max_length: longest row in tokens, `[CLS]` and `[SEP]` included.
        dropout: rate after the embeddings and after each sublayer.
        attention_dropout: rate on the attention weights.
        activation: one of ACTIVATIONS, in the feed-forward network and in the token head.
        initializer_range: standard deviation of the initial weights.
        layer_norm_eps: added to the variance in LayerNorm.
        full_every: of `modern`: layers 0, n, 2n, ... see the whole row, those between a window.
        sliding_window: of `modern`: how far a sliding layer sees to either side, in tokens.
        full_base, sliding_base: of `modern`: rotary bases of the two kinds of layers.
        query_key_norm: of `modern`: queries and keys are brought to a root mean square of 1
            before they are turned (Henry et al. 2020, Dehghani et al. 2023).
        value_residual: of `modern`: the values of each later layer are mixed with those of the
            first, by two learned numbers (Zhou et al. 2024).
        zero_outputs: of `modern`: the matrices that write into the residual stream begin at 0,
            so that every block begins as the identity (Bachlechner et al. 2020, Yang et al. 2022).
    """

    ARCHITECTURES: ClassVar[tuple[str, ...]] = ("vanilla", "modern")

    architecture: str = "vanilla"
    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    max_length: int = 512
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation: str = "relu"
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    full_every: int = 3
    sliding_window: int = 64
    full_base: float = 160_000.0
    sliding_base: float = 10_000.0
    query_key_norm: bool = False
    value_residual: bool = False
    zero_outputs: bool = False

    def __post_init__(self) -> None:
        if self.architecture not in self.ARCHITECTURES:
            raise ValueError(
                f"architecture is {self.architecture!r}; known: {', '.join(self.ARCHITECTURES)}"
            )
        whole = ("hidden_size", "num_layers", "num_heads", "intermediate_size")
        for name in (*whole, "full_every", "sliding_window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be shared by {self.num_heads} heads; "
                "choose a num_heads that divides it"
            )
        if self.architecture == "modern" and self.hidden_size // self.num_heads % 2:
            raise ValueError(
                f"heads are {self.hidden_size // self.num_heads} wide; rotary positions turn pairs "
                "of numbers, so choose a num_heads that leaves an even width"
            )
        for name in MODERN:
            if getattr(self, name) and self.architecture != "modern":
                raise ValueError(f"{name} is a setting of model.architecture=modern; leave it out")
        if self.max_length < 8:
            raise ValueError(f"max_length is {self.max_length}; a row needs at least 8 tokens")
        for name in ("dropout", "attention_dropout"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in [0, 1)")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; known: {', '.join(ACTIVATIONS)}")

    @property
    def layer_kinds(self) -> tuple[LayerKind, ...]:
        """What each layer sees, from the first to the last."""
        every = 1 if self.architecture == "vanilla" else self.full_every
        kinds: list[LayerKind] = [
            "sliding" if layer % every else "full" for layer in range(self.num_layers)
        ]
        return tuple(kinds)

    @property
    def matrix_weights(self) -> int:
        """Weights of all blocks that every token is multiplied by."""
        width, inner = self.hidden_size, self.intermediate_size
        matrices = 2 if self.architecture == "vanilla" else 3  # up and down, and a gate
        return self.num_layers * (4 * width * width + matrices * width * inner)

    @property
    def attention_width(self) -> int:
        """Of all attention heads together."""
        return self.hidden_size

    @property
    def own_attention(self) -> AttentionKind:
        """Who looks at whom before an objective says so."""
        return "bidirectional"

    @property
    def plain_token_head(self) -> bool:
        """Whether states meet the output matrix as they are."""
        return False

    @property
    def untied_token_head(self) -> bool:
        """Whether the output matrix is not that of the embeddings."""
        return False
