"""What a backbone reads: rows of tokens, and which positions may attend to which.

Shapes everywhere in this project: B rows, T tokens, D hidden, V vocabulary.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor

AttentionKind = Literal["bidirectional", "causal", "prefix", "bottleneck"]
Views = Literal["", "pairs", "triplets", "images"]
"""What a row may hold: two texts that belong together, three of which the last does not, or a text
and a picture."""

PADDED_TO = 16
"""Rows are padded to a multiple of this, so that few shapes occur and kernels stay aligned."""


def sent(tensor: Tensor, device: str) -> Tensor:
    """The same on another device, without waiting: from pageable memory a GPU has to be waited for,
    and the processor could not prepare the next update meanwhile.
    """  # noqa: D205
    if device != "cpu" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of tokens, padded on the right.

    Attributes:
        input_ids: (B, T) int64, `[CLS] text [SEP]` then padding, for every objective.
        attention_mask: (B, T) bool, True where there is a real token.
        row_ids: (B,) int64, no two alike in a run (epoch and row): they key every random draw.
        boundaries: (B, 2) int64, positions at which the second and the third text of a row begin
            (a summary and its body; an anchor, its positive and its hard negative); 0 where there
            is none. None where the corpus has no such views.
        images: (B, 3, H, W) uint8, the picture of each row, where pictures are asked for.
        has_image: (B,) bool, whether there is one.
    """

    input_ids: Tensor
    attention_mask: Tensor
    row_ids: Tensor
    boundaries: Tensor | None = None
    images: Tensor | None = None
    has_image: Tensor | None = None

    def select(self, rows: Tensor | slice) -> "Batch":
        """Some of the rows."""
        return Batch(**{name: value[rows] for name, value in self._tensors().items()})

    def to(self, device: str) -> "Batch":
        """The same rows on another device."""
        return Batch(**{name: sent(value, device) for name, value in self._tensors().items()})

    def _tensors(self) -> dict[str, Any]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Attention:
    """Who may look at whom: data, so that one backbone serves every objective.

    Attributes:
        kind: `bidirectional` lets every token see every real token; `causal` lets it see itself
            and what comes before; `prefix` does the same, but the tokens of a prefix are seen by
            all; `bottleneck` lets the prefix see itself, and what follows it see position 0 of
            the prefix, itself and what comes between.
        prefix_lengths: (B,) int64, for the last two.
        document_ids: (B, T) int64 where several documents share a row: none sees its neighbour.
        unpadded: whether the rows are known to hold real tokens alone, which need no mask.
    """

    kind: AttentionKind = "bidirectional"
    prefix_lengths: Tensor | None = None
    document_ids: Tensor | None = None
    unpadded: bool = False

    def allowed(
        self, attention_mask: Tensor, window: int | None = None
    ) -> tuple[Tensor | None, bool]:
        """The `attn_mask` and `is_causal` that `scaled_dot_product_attention` takes.

        A causal row needs no padding mask: padding stands on the right, where no real token
        looks, and what padding itself computes is never read.

        Args:
            attention_mask: (B, T) bool.
            window: of a layer that sees only so far.

        Returns:
            A mask that broadcasts to (B, heads, T, T) or None, and whether to mask causally.
        """
        if window is not None and attention_mask.shape[1] <= window:
            window = None  # no two tokens are further apart
        if self.document_ids is None and window is None:
            if self.kind == "causal":
                return None, True
            if self.kind == "bidirectional":
                if self.unpadded:
                    return None, False
                return attention_mask[:, None, None, :], False
        return self.matrix(attention_mask, window)[:, None], False

    def matrix(self, attention_mask: Tensor, window: int | None = None) -> Tensor:
        """(B, T, T) bool, [b, i, j] True where token i of row b may look at token j.

        Every token may look at itself, padding too, so that no row of the matrix is empty. A
        window narrows every kind, the prefix and the bottleneck too: what lies further away than
        it is seen by the full layers alone. Its edge is ModernBERT's (at most `window` tokens
        away), and under a causal mask its decoder's (`window` tokens, itself included).
        """
        length = attention_mask.shape[1]
        place = torch.arange(length, device=attention_mask.device)
        query, key = place[:, None], place[None, :]  # (T, 1), (1, T)
        if self.kind == "bidirectional":
            seen = torch.ones_like(query >= key)[None]  # (1, T, T)
        else:
            seen = (query >= key)[None]
        if self.kind in ("prefix", "bottleneck"):
            assert self.prefix_lengths is not None
            prefix = self.prefix_lengths[:, None, None]  # (B, 1, 1)
            if self.kind == "prefix":
                seen = seen | (key < prefix)
            else:
                between = (query >= key) & (key >= prefix)
                seen = torch.where(query < prefix, key < prefix, between | (key == 0))
        if window is not None:
            reach = window - 1 if self.kind == "causal" else window
            seen = seen & ((query - key).abs() <= reach)
        seen = seen & attention_mask[:, None, :]
        if self.document_ids is not None:
            seen = seen & (self.document_ids[:, :, None] == self.document_ids[:, None, :])
        return seen | (query == key)

    def select(self, rows: Tensor | slice) -> "Attention":
        """That of some of the rows."""
        return self._each(lambda tensor: tensor[rows])

    def to(self, device: str) -> "Attention":
        """The same on another device."""
        return self._each(lambda tensor: sent(tensor, device))

    def _each(self, change: Any) -> "Attention":
        prefix, documents = self.prefix_lengths, self.document_ids
        return replace(
            self,
            prefix_lengths=None if prefix is None else change(prefix),
            document_ids=None if documents is None else change(documents),
        )
