"""Self-attention: projections, positions by rotation, and the mixing of values."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import BackboneConfig
from models.dropout import dropout
from models.places import Places

WRITTEN_OUT_UP_TO = 512
"""Tokens of a row, to which on a CPU the written-out formula was measured to be faster than torch's
fused kernel (docs/log.md). It needs memory for (T, T)."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What all layers of one kind share.

    Attributes:
        mask: broadcasts to (B, heads, T, T), True where a token may look; None for everywhere.
        causal: whether to look backwards only, without a mask.
        dropout: rate after each sublayer, while the model is trained.
        cos, sin: (T, D / heads) of the rotary angles, or None without rotary positions.
        places: of the queries, where they are not all tokens; the mask is then (B, 1, most, T).
    """

    mask: Tensor | None
    causal: bool
    dropout: float
    cos: Tensor | None = None
    sin: Tensor | None = None
    places: Places | None = None

    def at(self, places: Places) -> "Sight":
        """The same for queries from some places."""
        mask, length = self.mask, places.length
        if self.causal:
            mask = torch.ones(1, 1, length, length, dtype=torch.bool, device=places.flat.device)
            mask = mask.tril()
        if mask is not None and mask.shape[2] > 1:
            mask = mask[:, 0].expand(places.rows, -1, -1)  # (B, T, T)
            mask = places.spread(places.take(mask), fill=True)[:, None]  # (B, 1, most, T)
        return replace(self, mask=mask, causal=False, places=places)

    def asking(self, states: Tensor) -> Tensor:
        """(B, T, D), or of its places alone (N, D)."""
        return states if self.places is None else self.places.take(states)


class SelfAttention(nn.Module):
    """Multi-head self-attention; query, key and value share one matrix product.

    Args:
        config: width and heads.
        bias: whether the dense layers have one.
        normalizes: whether queries and keys are brought to a root mean square of 1.
        mixes_values: with those of the first layer, in learned shares that begin at one half.
    """

    def __init__(
        self,
        config: BackboneConfig,
        *,
        bias: bool = True,
        normalizes: bool = False,
        mixes_values: bool = False,
    ) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.dropout = config.attention_dropout
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=bias)
        self.output = nn.Linear(config.hidden_size, config.hidden_size, bias=bias)
        self.normalizes = normalizes
        self.value_shares = nn.Parameter(torch.full((2,), 0.5)) if mixes_values else None

    def forward(
        self, hidden: Tensor, sight: Sight, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, D) to (B, T, D), or from some places (N, D), and its values.

        Args:
            hidden: states.
            sight: who looks at whom.
            first: the values of the first layer, for those that mix them in.

        Returns:
            The states, and the values (B, heads, T, D / heads).
        """
        query, key, value = self._projected(hidden, sight.places)
        if self.value_shares is not None and first is not None:
            own, theirs = self.value_shares.to(value.dtype)
            value = own * value + theirs * first
        if self.normalizes:
            shape = query.shape[-1:]
            query, key = F.rms_norm(query.float(), shape), F.rms_norm(key.float(), shape)
        if sight.cos is not None and sight.sin is not None:
            key = rotate(key, sight.cos, sight.sin).to(value.dtype)
            angles = (sight.cos, sight.sin)
            if sight.places is not None:
                there = sight.places.flat % sight.places.length  # (N,), the place in its row
                cos, sin = (sight.places.spread(each[there])[:, None] for each in angles)
                angles = (cos, sin)  # (B, 1, most, D / heads)
            query = rotate(query, *angles).to(value.dtype)
        mixed = attend(query, key, value, sight, self.dropout if self.training else 0.0)
        mixed = mixed.transpose(1, 2).flatten(2)  # (B, T, D), or (B, most, D)
        if sight.places is not None:
            mixed = sight.places.gather(mixed)  # (N, D)
        return self.output(mixed), value

    def _projected(self, hidden: Tensor, places: Places | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, heads, T or most, D / heads)."""
        width = hidden.shape[-1]
        each = (self.num_heads, width // self.num_heads)
        if places is None:
            projected = self.query_key_value(hidden)
            projected = projected.view(*hidden.shape[:2], 3, *each)
            query, key, value = projected.permute(2, 0, 3, 1, 4)
            return query, key, value
        matrix, bias = self.query_key_value.weight, self.query_key_value.bias
        own, others = (None, None) if bias is None else (bias[:width], bias[width:])
        asking = F.linear(places.take(hidden), matrix[:width], own)  # (N, D)
        query = places.spread(asking.view(-1, *each)).transpose(1, 2)
        projected = F.linear(hidden, matrix[width:], others)
        key, value = projected.view(*hidden.shape[:2], 2, *each).permute(2, 0, 3, 1, 4)
        return query, key, value


def attend(query: Tensor, key: Tensor, value: Tensor, sight: Sight, rate: float) -> Tensor:
    """`softmax(QK^T / sqrt(d)) V` where a token may look, each (B, heads, T, d)."""
    length, width = key.shape[-2:]
    if query.device.type != "cpu" or length > WRITTEN_OUT_UP_TO:
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=sight.mask, is_causal=sight.causal, dropout_p=rate
        )
    scores = query * width**-0.5 @ key.transpose(-1, -2)  # (B, heads, T, T)
    mask = sight.mask
    if sight.causal:
        mask = torch.ones(length, length, dtype=torch.bool).tril()
    if mask is not None:
        scores = scores + torch.zeros_like(mask, dtype=scores.dtype).masked_fill_(~mask, -torch.inf)
    return dropout(scores.softmax(-1), rate) @ value


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
