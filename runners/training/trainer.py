"""How every objective is optimized: one recipe, so that only the objective differs."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from typing_extensions import override

from models.registry import Kind, Named
from objectives.trainable import Phase
from runners.hardware import Hardware
from runners.sharding import by_kind


@dataclass(frozen=True, kw_only=True)
class TrainerConfig(Named, Hardware, ABC):
    """Optimizer, schedule, precision. An optimizer is a subclass in optimizers/NAME.py.

    Attributes:
        learning_rate_scale: times the peak that each objective states for training from scratch.
        warmup: share of the budget over which the learning rate rises from 0.
        decay: `linear` or `cosine` down to `final_share` of the peak, or `constant`.
        decay_share: share of the budget, at its end, over which the rate falls; before, it stays
            at its peak (warm-up, stable, decay: Hu et al. 2024). 1 lets it fall from the warm-up's
            end on.
        final_share: of the peak learning rate, at the end.
        weight_decay: on matrices only.
        clip_norm: gradients are scaled down to this norm.
        rows_per_update: null leaves each objective its own; a number forces equal batches.
        micro_batch_rows: rows at once, whose gradients accumulate; null: all of an update, halved
            wherever memory turns out short.
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
    clip_norm: float = 1.0
    rows_per_update: int | None = None
    micro_batch_rows: int | None = None
    evaluations: int = 10
    checkpoint_seconds: float = 60.0

    @property
    def measuring(self) -> dict[str, object]:
        """What measuring depends on too: fresh heads and fine-tuning are optimized alike."""
        names = ("weight_decay", "clip_norm", "device", "dtype", "threads")
        return {name: getattr(self, name) for name in names}

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
        for name in ("learning_rate_scale", "clip_norm", "checkpoint_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("rows_per_update", "micro_batch_rows"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1, or null")
        for name in ("weight_decay", "evaluations"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")

    @property
    @abstractmethod
    def told(self) -> str:
        """The optimizer with its settings, as reports say it."""

    @abstractmethod
    def build(self, module: nn.Module, rate: float, tokens: float) -> torch.optim.Optimizer:
        """The optimizer of a training.

        Args:
            module: whose parameters are trained.
            rate: learning rate at the beginning; a group with a `scale` takes that times it.
            tokens: of text in an update, about.
        """

    def build_for_head(self, module: nn.Module, rate: float) -> torch.optim.Optimizer:
        """The optimizer of fresh heads and of fine-tuning: AdamW, whatever trained the model."""
        return torch.optim.AdamW(groups_of(module, self.weight_decay), lr=rate, fused=True)

    def resize(self, optimizer: torch.optim.Optimizer, tokens: float) -> None:
        """Go on with updates of so many text tokens, with what the optimizer remembers."""


OPTIMIZERS: Kind[TrainerConfig] = Kind(
    "optimizer", TrainerConfig, "runners.training.optimizers", "compare.optimizers"
)


def groups_of(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """What is trained of a module: matrices, and without decay biases and norms."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in kind if (p.dim() > 1) is matrices], "weight_decay": decay}
        for kind in by_kind(trained)
        for matrices, decay in ((True, weight_decay), (False, 0.0))
    ]


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
