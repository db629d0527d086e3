"""How every objective is optimized: one recipe, so that only the objective differs."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from typing_extensions import override

from objectives.trainable import Phase
from runners.hardware import Hardware


@dataclass(frozen=True, kw_only=True)
class TrainerConfig(Hardware):
    """Optimizer, schedule, precision.

    Attributes:
        learning_rate_scale: times the peak that each objective states for training from scratch.
        warmup: share of the budget over which the learning rate rises from 0.
        decay: `linear` or `cosine` down to `final_share` of the peak, or `constant`.
        decay_share: share of the budget, at its end, over which the rate falls; before, it stays
            at its peak (warm-up, stable, decay: Hu et al. 2024). 1 lets it fall from the warm-up's
            end on.
        final_share: of the peak learning rate, at the end.
        weight_decay: AdamW's, on matrices only.
        beta1, epsilon: AdamW's.
        second_moment_tokens: text tokens after which AdamW's mean of squared gradients has
            forgotten all but 1/e, however many of them make an update.
        clip_norm: gradients are scaled down to this norm.
        rows_per_update: null leaves each objective its own; a number forces equal batches.
        micro_batch_rows: rows at once where memory is short; gradients accumulate.
        evaluations: how often the held-out loss is taken for the curve.
        checkpoint_seconds: how often a resumable state is written.
    """

    DECAYS: ClassVar = ("linear", "cosine", "constant")

    learning_rate_scale: float = 1.0
    warmup: float = 0.1
    decay: str = "linear"
    decay_share: float = 0.2
    final_share: float = 0.0
    weight_decay: float = 0.01
    beta1: float = 0.9
    second_moment_tokens: float = 1e6
    epsilon: float = 1e-8
    clip_norm: float = 1.0
    rows_per_update: int | None = None
    micro_batch_rows: int | None = None
    evaluations: int = 10
    checkpoint_seconds: float = 60.0

    @property
    def measuring(self) -> dict[str, object]:
        """What measuring depends on too: fresh heads and fine-tuning are optimized alike."""
        names = ("weight_decay", "beta1", "epsilon", "clip_norm")
        return {name: getattr(self, name) for name in (*names, "device", "dtype", "threads")}

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decay not in self.DECAYS:
            raise ValueError(f"decay is {self.decay!r}; known: {', '.join(self.DECAYS)}")
        for name in ("warmup", "final_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in [0, 1]")
        if not 0.0 < self.decay_share <= 1.0:
            raise ValueError(
                f"decay_share is {self.decay_share}; it must lie in (0, 1], and decay=constant "
                "never falls"
            )
        above_0 = ("learning_rate_scale", "clip_norm", "epsilon", "checkpoint_seconds")
        for name in (*above_0, "second_moment_tokens"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0.0 <= self.beta1 < 1.0:
            raise ValueError(f"beta1 is {self.beta1}; it must lie in [0, 1)")
        for name in ("rows_per_update", "micro_batch_rows"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1, or null")
        for name in ("weight_decay", "evaluations"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")


def learning_rate_factor(
    progress: float, config: TrainerConfig, warmup: float | None = None
) -> float:
    """The learning rate at a share of the budget, as a share of its peak.

    Args:
        progress: share of the budget, in [0, 1].
        config: warm-up and decay.
        warmup: in place of the configured one, where a phase states its own.
    """
    warmup = config.warmup if warmup is None else warmup
    if progress < warmup:
        return progress / warmup
    if config.decay == "constant" or warmup == 1.0:
        return 1.0
    left = min(1.0, (1.0 - progress) / min(config.decay_share, 1.0 - warmup))  # 1, then down to 0
    if config.decay == "cosine":
        left = 0.5 * (1.0 - math.cos(math.pi * left))
    return config.final_share + (1.0 - config.final_share) * left


def learning_rate(phase: Phase, taken: float, config: TrainerConfig) -> float:
    """The rate of an update: that in the middle of what it takes of its phase.

    With the rate at its beginning, the first update of every phase would teach nothing.

    Args:
        phase: at the update's beginning.
        taken: share of the budget that the update takes.
        config: of the schedule.
    """
    end = min(1.0, phase.progress + taken / phase.share)
    factor = learning_rate_factor((phase.progress + end) / 2, config, phase.warmup)
    return phase.learning_rate * config.learning_rate_scale * factor


def second_moment_decay(tokens: float, config: TrainerConfig) -> float:
    """AdamW's beta2 for updates of so many text tokens (Marek et al. 2025).

    With one beta2 for all, an objective with large updates would average over more text.
    """
    return math.exp(-tokens / config.second_moment_tokens)


def build_optimizer(
    module: nn.Module, config: TrainerConfig, learning_rate: float, beta2: float = 0.999
) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019), with decay on matrices and none on biases and norms.

    Args:
        module: whose parameters are trained.
        config: of the optimizer.
        learning_rate: at the beginning.
        beta2: Adam's own (Kingma & Ba 2015), unless updates are counted in tokens.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups,
        lr=learning_rate,
        betas=(config.beta1, beta2),
        eps=config.epsilon,
        fused=True,
    )
