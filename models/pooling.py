"""From a row's hidden states to one vector."""

from collections.abc import Callable

import torch
from torch import Tensor

from models.backbone import BackboneOutput


def cls_pooling(last: Tensor, attention_mask: Tensor) -> Tensor:
    """The state at `[CLS]`: (B, T, D) to (B, D)."""
    return last[:, 0]


def mean_pooling(last: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean over real tokens, `[CLS]` and `[SEP]` included: (B, T, D) to (B, D)."""
    mask = attention_mask.unsqueeze(-1).to(last.dtype)  # (B, T, 1)
    return (last * mask).sum(1) / mask.sum(1)


def last_pooling(last: Tensor, attention_mask: Tensor) -> Tensor:
    """The state at the last real token, `[SEP]`, which a causal model has read all of the row
    to reach: (B, T, D) to (B, D).
    """  # noqa: D205
    ends = attention_mask.sum(1) - 1  # (B,)
    return last[torch.arange(len(last), device=last.device), ends]


POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": cls_pooling,
    "mean": mean_pooling,
    "last": last_pooling,
}


def pool(output: BackboneOutput, attention_mask: Tensor, pooling: str) -> Tensor:
    """One (B, D) vector a row, by the pooling of that name."""
    return POOLINGS[pooling](output.last, attention_mask)
