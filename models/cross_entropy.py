"""Cross-entropy over a vocabulary whose logits never exist all at once."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ELEMENTS = {"cpu": 2**22, "cuda": 2**26}
"""Logits that exist at a time: as many as a processor's caches hold, or a GPU is busy with."""


def linear_cross_entropy(states: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
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

    Returns:
        (N,) float32, in nats.
    """
    kind = states.device.type
    is_mixed = torch.is_autocast_enabled(kind)
    dtype = torch.get_autocast_dtype(kind) if is_mixed else states.dtype
    if not torch.is_grad_enabled():
        return _by_chunks(states, matrix, bias, targets, dtype, None, False)[0]
    found: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        states, matrix, bias, targets, dtype
    )
    return found


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype
    ) -> Tensor:
        wanted = any(ctx.needs_input_grad)
        values, *gradients = _by_chunks(states, matrix, bias, targets, dtype, None, wanted)
        ctx.save_for_backward(states, matrix, bias, targets, *gradients)
        ctx.dtype = dtype
        return values

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor | None, ...]:
        states, matrix, bias, targets, by_states, by_matrix, by_bias = ctx.saved_tensors
        if len(weights) > 1 and weights.stride(0) != 0:  # not one number for all items
            _, by_states, by_matrix, by_bias = _by_chunks(
                states, matrix, bias, targets, ctx.dtype, weights, True
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
    dtype: torch.dtype,
    weights: Tensor | None,
    differentiate: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The values, and the gradients of their weighted sum by states, matrix and bias."""
    size = max(1, ELEMENTS.get(states.device.type, ELEMENTS["cuda"]) // len(matrix))
    cast, cast_matrix = states.to(dtype), matrix.to(dtype)
    values = states.new_empty(len(states), dtype=torch.float32)
    by_states = torch.empty_like(cast) if differentiate else cast[:0]
    by_matrix, by_bias = torch.zeros_like(matrix), torch.zeros_like(bias)
    for at in range(0, len(states), size):
        chunk = slice(at, at + size)
        logits = F.linear(cast[chunk], cast_matrix).float() + bias
        wanted = targets[chunk]
        rows = torch.arange(len(wanted), device=wanted.device)
        logits -= logits.amax(1, keepdim=True)
        at_targets = logits[rows, wanted]
        shares = logits.exp_()
        sums = shares.sum(1, keepdim=True)
        values[chunk] = sums.squeeze(1).log() - at_targets
        if differentiate:
            shares /= sums
            shares[rows, wanted] -= 1.0  # the gradient by the logits
            if weights is not None:
                shares *= weights[chunk, None]
            by_logits = shares.to(dtype)
            by_states[chunk] = by_logits @ cast_matrix
            by_matrix += by_logits.T @ cast[chunk]
            by_bias += shares.sum(0)
    return values, by_states, by_matrix, by_bias
