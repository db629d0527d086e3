"""What a backbone reads: rows of tokens, and which positions may attend to which.

Shapes everywhere in this project: B rows, T tokens, D hidden, V vocabulary.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

AttentionKind = Literal["bidirectional", "causal"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of tokens, padded on the right.

    Attributes:
        input_ids: (B, T) int64, `[CLS] text [SEP]` then padding, for every objective.
        attention_mask: (B, T) bool, True where there is a real token.
        row_ids: (B,) int64, no two alike in a run (epoch and row): they key every random draw.
    """

    input_ids: Tensor
    attention_mask: Tensor
    row_ids: Tensor

    def rows(self, start: int, stop: int) -> "Batch":
        """The rows from `start` up to `stop`, as views."""
        return Batch(
            self.input_ids[start:stop], self.attention_mask[start:stop], self.row_ids[start:stop]
        )

    def to(self, device: str) -> "Batch":
        """The same rows on another device."""
        return Batch(
            self.input_ids.to(device, non_blocking=True),
            self.attention_mask.to(device, non_blocking=True),
            self.row_ids.to(device, non_blocking=True),
        )


@dataclass(frozen=True, slots=True)
class Attention:
    """Who may look at whom: data, so that one backbone serves every objective.

    Attributes:
        kind: `bidirectional` lets every token see every real token, `causal` lets it see itself
            and what comes before.
    """

    kind: AttentionKind = "bidirectional"

    def allowed(self, attention_mask: Tensor) -> tuple[Tensor | None, bool]:
        """The `attn_mask` and `is_causal` that `scaled_dot_product_attention` takes.

        A causal row needs no padding mask: padding stands on the right, where no real token
        looks, and what padding itself computes is never read.

        Args:
            attention_mask: (B, T) bool.

        Returns:
            A mask that broadcasts to (B, heads, T, T) or None, and whether to mask causally.
        """
        if self.kind == "causal":
            return None, True
        return attention_mask[:, None, None, :], False
