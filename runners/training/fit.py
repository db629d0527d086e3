"""Steps down a gradient: what pretraining, fresh heads and fine-tuning have in common."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from runners.sharding import clip_grad_norm


def take_step(
    optimizer: torch.optim.Optimizer,
    module: nn.Module,
    *,
    rate: float | None = None,
    clip_norm: float | None = None,
) -> Tensor | None:
    """Use the gradients that are there, and clear them.

    Args:
        optimizer: of the parameters of `module`.
        module: what is trained.
        rate: the learning rate from now on; None for that of the step before.
        clip_norm: of all gradients together, which are scaled down to it; None for no limit.

    Returns:
        The norm of all gradients as they were, on their device; None without a limit.
    """
    norm = None
    if clip_norm is not None:
        norm = clip_grad_norm(module.parameters(), clip_norm)
    if rate is not None:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return norm


def fit(
    optimizer: torch.optim.Optimizer,
    module: nn.Module,
    losses: Iterable[Tensor],
    *,
    rates: Sequence[float] | None = None,
    clip_norm: float | None = None,
    after: Callable[[int], None] | None = None,
) -> bool:
    """Take a step down each of some losses.

    Args:
        optimizer: of the parameters of `module`.
        module: what is trained.
        losses: scalars, each computed when it is asked for, with the weights of that moment.
        rates: a learning rate for each; None keeps the optimizer's.
        clip_norm: as of `take_step`.
        after: called after each step with its number.

    Returns:
        False where a loss was no finite number; nothing was done with it or after it.
    """
    for number, loss in enumerate(losses):
        if not torch.isfinite(loss):
            return False
        loss.backward()  # type: ignore[no-untyped-call]
        rate = rates[number] if rates is not None else None
        take_step(optimizer, module, rate=rate, clip_norm=clip_norm)
        if after is not None:
            after(number)
    return True
