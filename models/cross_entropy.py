"""Cross-entropy over a vocabulary whose logits never exist all at once."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ELEMENTS = {"cpu": 2**22, "cuda": 2**27}
"""Logits that exist at a time: as many as a processor's caches hold, or a GPU is busy with."""

LEAST_ROWS = 512
"""But of so many rows at least: the gradient by the matrix is read and written once a chunk."""


def linear_cross_entropy(
    states: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor, *, fused: bool = False
) -> Tensor:
    """-log softmax(states @ matrix.T + bias) at the targets, chunk by chunk.

    The gradients are taken in the same pass, as long as the loss is a sum over its items times a
    number, as in Liger kernels (Hsu et al. 2024): on a processor that takes 0.56 of the time of
    the plain form for every token of a batch (docs/performance.md). Under other weights of the
    items logits are computed again.

    Args:
        states: (N, D).
        matrix: (V, D).
        bias: (V,).
        targets: (N,) int64.
        fused: let a compiler make one kernel of what stands between the products, on a GPU.

    Returns:
        (N,) float32, in nats.
    """
    kind = states.device.type
    is_mixed = torch.is_autocast_enabled(kind)
    dtype = torch.get_autocast_dtype(kind) if is_mixed else states.dtype
    how = _How(dtype, fused and kind == "cuda")
    if not torch.is_grad_enabled():
        return _by_chunks(states, matrix, bias, targets, how, None, False)[0]
    found: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        states, matrix, bias, targets, how
    )
    return found


@dataclass(frozen=True, slots=True)
class _How:
    """Products in `dtype`, and what lies between them by one kernel of a GPU or by torch's."""

    dtype: torch.dtype
    fused: bool


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor, how: _How
    ) -> Tensor:
        wanted = any(ctx.needs_input_grad)
        values, *gradients = _by_chunks(states, matrix, bias, targets, how, None, wanted)
        ctx.save_for_backward(states, matrix, bias, targets, *gradients)
        ctx.how = how
        return values

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor | None, ...]:
        states, matrix, bias, targets, by_states, by_matrix, by_bias = ctx.saved_tensors
        if len(weights) > 1 and weights.stride(0) != 0:  # not one number for all items
            _, by_states, by_matrix, by_bias = _by_chunks(
                states, matrix, bias, targets, ctx.how, weights, True
            )
        elif len(weights):
            each = weights[0]
            by_states, by_matrix, by_bias = by_states * each, by_matrix * each, by_bias * each
        return by_states.to(states.dtype), by_matrix, by_bias, None, None


def _by_chunks(
    states: Tensor,
    matrix: Tensor,
    bias: Tensor,
    targets: Tensor,
    how: _How,
    weights: Tensor | None,
    differentiate: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The values, and the gradients of their weighted sum by states, matrix and bias."""
    size = ELEMENTS.get(states.device.type, ELEMENTS["cuda"]) // len(matrix)
    size = max(size, LEAST_ROWS)
    cast, cast_matrix = states.to(how.dtype), matrix.to(how.dtype)
    values = states.new_empty(len(states), dtype=torch.float32)
    by_states = torch.empty_like(cast) if differentiate else cast[:0]
    by_matrix, by_bias = torch.zeros_like(matrix), torch.zeros_like(bias)
    between = _fused() if how.fused else _in_place
    for at in range(0, len(states), size):
        chunk = slice(at, at + size)
        logits = F.linear(cast[chunk], cast_matrix)
        each = None if weights is None else weights[chunk, None]
        values[chunk], by_logits, sums = between(logits, bias, targets[chunk], each, differentiate)
        if differentiate:
            by_states[chunk] = by_logits @ cast_matrix
            by_matrix += by_logits.T @ cast[chunk]
            by_bias += _sums(by_logits) if sums is None else sums
    return values, by_states, by_matrix, by_bias


Between = tuple[Tensor, Tensor, Tensor | None]
"""(n,) values; (n, V) their gradients by the logits, times weights, in the dtype of the logits; and
(V,) those summed, where that costs little."""


def _sums(by_logits: Tensor) -> Tensor:
    """(V,) float32, as a product: summed, they took 2.6 ms of an update of CLM on a GPU."""
    ones = by_logits.new_ones(1, len(by_logits))
    sums: Tensor = torch.mm(ones, by_logits, out_dtype=torch.float32)
    return sums[0]


def _in_place(
    logits: Tensor, bias: Tensor, targets: Tensor, weights: Tensor | None, differentiate: bool
) -> Between:
    """Few passes, each number written where it is read, which a processor's caches thank.

    The largest share is 1 / sum exp(logit - highest), at least 1 / V, so that its logarithm is
    exact where that of the target's share may not be.
    """
    full = logits.float().add_(bias)
    rows = torch.arange(len(targets), device=targets.device)
    above = full.amax(1) - full[rows, targets]
    shares = torch.softmax(full, 1, out=full)
    values = above - shares.amax(1).log()
    if not differentiate:
        return values, logits[:0], None
    shares[rows, targets] -= 1.0
    if weights is not None:
        shares *= weights
    return values, shares.to(logits.dtype), shares.sum(0)


def _in_one(
    logits: Tensor, bias: Tensor, targets: Tensor, weights: Tensor | None, differentiate: bool
) -> Between:
    """The same without writing into a tensor, for a compiler to make one kernel of."""
    full = logits.float() + bias
    highest = full.amax(1, keepdim=True)
    shares = (full - highest).exp()
    sums = shares.sum(1, keepdim=True)
    values = (sums.log() + highest - full.gather(1, targets[:, None])).squeeze(1)
    if not differentiate:
        return values, logits[:0], None
    is_target = torch.arange(len(bias), device=bias.device) == targets[:, None]
    by_logits = shares / sums - is_target.float()
    if weights is not None:
        by_logits = by_logits * weights
    return values, by_logits.to(logits.dtype), None


@cache
def _fused() -> Any:
    return torch.compile(_in_one)
