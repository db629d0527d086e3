"""A stack of an architecture's blocks, of which backbones and towers are built."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from typing_extensions import override

from models.attention import Sight, rotary
from models.batch import Attention
from models.config import BlocksConfig, LayerKind
from models.places import Places


class Blocks(nn.ModuleList):
    """A stack of blocks.

    Args:
        config: architecture, width and depth.
    """

    def __init__(self, config: BlocksConfig) -> None:
        super().__init__(config.block(index) for index in range(config.num_layers))
        self.config = config
        self._in_training = _call
        self._recomputes = False

    def recompute(self) -> None:
        """From now on keep only what goes into each block, and compute the block again for its
        gradient (Chen et al. 2016): the same gradient for a third more time and less memory.
        """  # noqa: D205
        self._recomputes = True

    @override
    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Each block by itself, while the model is trained: all are one code, so that a deep stack
        takes no longer to compile than a shallow one. Texts that are measured have all lengths.
        """  # noqa: D205
        self._in_training = torch.compile(_call, *args, **kwargs)

    def forward(
        self,
        hidden: Tensor,
        attention_mask: Tensor,
        attention: Attention,
        layers: Sequence[int] = (),
        dropout: float | None = None,
        places: Places | None = None,
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Through all blocks.

        Args:
            hidden: (B, T, D).
            attention_mask: (B, T) bool.
            attention: who may look at whom; sliding layers narrow it to their window.
            layers: counted from 1, whose states are kept; 0 is `hidden` itself.
            dropout: in place of the configured rate.
            places: where alone the last block is computed.

        Returns:
            (B, T, D) after the last block, or (N, D) of `places`, and the states of `layers`.
        """
        rate = self.config.dropout if dropout is None else dropout
        sights = {
            kind: self._sight(kind, hidden, attention_mask, attention, rate)
            for kind in sorted(set(self.config.layer_kinds))
        }
        kept: dict[int, Tensor] = {0: hidden}
        first: Tensor | None = None
        for index, (block, kind) in enumerate(
            zip(self, self.config.layer_kinds, strict=True), start=1
        ):
            call = self._in_training if self.training else _call
            sight = sights[kind]
            if places is not None and index == len(self):
                sight = sight.at(places)
            if self._recomputes and torch.is_grad_enabled():
                hidden, values = checkpoint(call, block, hidden, sight, first, use_reentrant=False)
            else:
                hidden, values = call(block, hidden, sight, first)
            first = values if first is None else first
            if index in layers:
                kept[index] = hidden
        return hidden, kept

    def _sight(
        self,
        kind: LayerKind,
        hidden: Tensor,
        attention_mask: Tensor,
        attention: Attention,
        dropout: float,
    ) -> Sight:
        config = self.config
        mask, causal = attention.allowed(attention_mask, config.window(kind))
        base = config.rotary_base(kind)
        if base is None:
            return Sight(mask, causal, dropout)
        width = config.hidden_size // config.num_heads
        return Sight(mask, causal, dropout, *rotary(hidden.shape[1], width, base, hidden.device))


def _call(
    block: nn.Module, hidden: Tensor, sight: Sight, first: Tensor | None
) -> tuple[Tensor, Tensor]:
    found: tuple[Tensor, Tensor] = block(hidden, sight, first)
    return found
