"""The Transformer encoder that every objective trains; only the attention mask differs.

`vanilla` is the encoder of Vaswani et al. 2017 as BERT uses it (Devlin et al. 2019): learned
positions, multi-head attention `softmax(QK^T / sqrt(d)) V`, a two-layer feed-forward network,
and LayerNorm after each residual (post-LN).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.batch import Attention, Batch

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Size and shape of a backbone; the files in conf/model/ are presets of it.

    Attributes:
        architecture: the family of blocks.
        hidden_size: width of the residual stream, D.
        num_layers: number of blocks.
        num_heads: attention heads; they divide `hidden_size`.
        intermediate_size: width of the feed-forward network.
        max_length: longest row in tokens, `[CLS]` and `[SEP]` included.
        dropout: rate after the embeddings and after each sublayer.
        attention_dropout: rate on the attention weights.
        activation: `relu` or `gelu`, in the feed-forward network and in the token head.
        initializer_range: standard deviation of the initial weights.
        layer_norm_eps: added to the variance in LayerNorm.
    """

    ARCHITECTURES: ClassVar = ("vanilla",)

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

    def __post_init__(self) -> None:
        if self.architecture not in self.ARCHITECTURES:
            raise ValueError(
                f"architecture is {self.architecture!r}; known: {', '.join(self.ARCHITECTURES)}"
            )
        for name in ("hidden_size", "num_layers", "num_heads", "intermediate_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be shared by {self.num_heads} heads; "
                "choose a num_heads that divides it"
            )
        if self.max_length < 8:
            raise ValueError(f"max_length is {self.max_length}; a row needs at least 8 tokens")
        for name in ("dropout", "attention_dropout"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in [0, 1)")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; known: {', '.join(ACTIVATIONS)}")


@dataclass(frozen=True, slots=True)
class BackboneOutput:
    """What a backbone computed.

    Attributes:
        last: (B, T, D) after the last block.
        hidden: one (B, T, D) for each layer asked for; layer 0 is the embeddings.
    """

    last: Tensor
    hidden: tuple[Tensor, ...] = ()


class SelfAttention(nn.Module):
    """Multi-head self-attention; query, key and value share one matrix product."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.dropout = config.attention_dropout
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        rows, length, width = hidden.shape
        projected = self.query_key_value(hidden)  # (B, T, 3D)
        projected = projected.view(rows, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D / heads)
        mixed = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            is_causal=causal,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(mixed.transpose(1, 2).reshape(rows, length, width))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention then feed-forward, each added to its input and then normalised (post-LN)."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, hidden: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        attended = self.dropout(self.attention(hidden, mask, causal))
        hidden = self.attention_norm(hidden + attended)
        fed = self.dropout(self.down(self.activation(self.up(hidden))))
        return self.output_norm(hidden + fed)  # type: ignore[no-any-return]


class Backbone(nn.Module):
    """Embeddings and a stack of blocks.

    Args:
        config: size and shape.
        vocabulary_size: number of token ids, V.
    """

    def __init__(self, config: BackboneConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(vocabulary_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.max_length, config.hidden_size)
        self.embedding_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))

    def forward(
        self, batch: Batch, *, attention: Attention, layers: Sequence[int] = ()
    ) -> BackboneOutput:
        """Hidden states of a batch.

        Args:
            batch: B rows of T tokens.
            attention: who may look at whom.
            layers: which layers' states to return beside the last; 0 is the embeddings.

        Returns:
            `last` (B, T, D), and the states of `layers` in the order asked for.
        """
        mask, causal = attention.allowed(batch.attention_mask)
        hidden = self.embed(batch.input_ids)
        kept = {0: hidden}
        for index, block in enumerate(self.blocks, start=1):
            hidden = block(hidden, mask, causal)
            if index in layers:
                kept[index] = hidden
        return BackboneOutput(hidden, tuple(kept[layer] for layer in layers))

    def embed(self, input_ids: Tensor) -> Tensor:
        """(B, T) ids to (B, T, D), positions added: what the first block reads."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        hidden = self.token_embedding(input_ids) + self.position_embedding(positions)
        return self.dropout(self.embedding_norm(hidden))  # type: ignore[no-any-return]
