"""AdamW (Loshchilov & Hutter 2019)."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from typing_extensions import override

from results.figures import quantity
from runners.training.trainer import TrainerConfig, groups_of


@dataclass(frozen=True, kw_only=True)
class AdamWConfig(TrainerConfig):
    """AdamW with a memory of squared gradients that is counted in tokens.

    Attributes:
        beta1, epsilon: AdamW's.
        second_moment_tokens: text tokens after which AdamW's mean of squared gradients has
            forgotten all but 1/e, however many of them make an update.
    """

    beta1: float = 0.9
    second_moment_tokens: float = 1e6
    epsilon: float = 1e-8

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("epsilon", "second_moment_tokens"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0.0 <= self.beta1 < 1.0:
            raise ValueError(f"beta1 is {self.beta1}; it must lie in [0, 1)")

    @property
    @override
    def told(self) -> str:
        memory = f"squared gradients over {quantity(self.second_moment_tokens)} tokens"
        return f"AdamW ({self.beta1}, {memory}), weight decay {self.weight_decay}"

    @property
    @override
    def measuring(self) -> dict[str, object]:
        return {**super().measuring, "beta1": self.beta1, "epsilon": self.epsilon}

    @override
    def build(self, module: nn.Module, rate: float, tokens: float) -> torch.optim.AdamW:
        return self._adamw(module, rate, self.beta2(tokens))

    @override
    def build_for_head(self, module: nn.Module, rate: float) -> torch.optim.AdamW:
        return self._adamw(module, rate, 0.999)  # Adam's own (Kingma & Ba 2015)

    @override
    def resize(self, optimizer: torch.optim.Optimizer, tokens: float) -> None:
        """AdamW divides the mean of squared gradients by 1 - beta2^t for its beginning at 0; it is
        scaled so that the quotient stays.
        """  # noqa: D205
        beta2 = self.beta2(tokens)
        for group in optimizer.param_groups:
            beta1, before = group["betas"]
            group["betas"] = (beta1, beta2)
            for parameter in group["params"]:
                if state := optimizer.state.get(parameter):
                    count = float(state["step"])
                    state["exp_avg_sq"].mul_((1 - beta2**count) / (1 - before**count))

    def beta2(self, tokens: float) -> float:
        """For updates of so many text tokens (Marek et al. 2025).

        With one beta2 for all, an objective with large updates would average over more text.
        """
        return math.exp(-tokens / self.second_moment_tokens)

    def _adamw(self, module: nn.Module, rate: float, beta2: float) -> torch.optim.AdamW:
        betas = (self.beta1, beta2)
        groups = groups_of(module, self.weight_decay)
        return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=self.epsilon, fused=True)
