"""What stands on a backbone while it is trained."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from models.config import ACTIVATIONS, BackboneConfig
from models.cross_entropy import linear_cross_entropy


class TokenHead(nn.Module):
    """Hidden states to logits over the vocabulary, as in BERT (Devlin et al. 2019).

    A dense layer, activation and LayerNorm, then the token embeddings transposed plus a bias.
    CLM and MLM share it, so that one can be read under the other's loss. A decoder's checkpoint
    has the output matrix alone (`config.plain_token_head`), which may be one of its own.

    Args:
        config: the backbone's.
        vocabulary_size: V.
        tied: take the output matrix from the backbone's embeddings; otherwise own one.
    """

    def __init__(self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True) -> None:
        super().__init__()
        width, plain = config.hidden_size, config.plain_token_head
        tied = tied and not config.untied_token_head
        self.dense = None if plain else nn.Linear(width, width)
        self.norm = None if plain else nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.activation = ACTIVATIONS[config.activation]
        self.decoder = None if tied else nn.Linear(width, vocabulary_size, bias=False)
        self.bias = nn.Parameter(Tensor(vocabulary_size).zero_())
        self.fused = False

    @override
    def compile(self, *args: Any, **kwargs: Any) -> None:
        """What stands between the products of the loss."""
        self.fused = True

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """(N, D) supervised positions and the (V, D) embeddings to (N, V) logits."""
        return F.linear(self._states(hidden), self._matrix(embedding), self.bias)

    def loss(self, hidden: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
        """(N,) float32, -log p of each of the (N,) targets; there are never N x V logits."""
        return linear_cross_entropy(
            self._states(hidden), self._matrix(embedding), self.bias, targets, fused=self.fused
        )

    def _states(self, hidden: Tensor) -> Tensor:
        if self.dense is None or self.norm is None:
            return hidden
        states: Tensor = self.norm(self.activation(self.dense(hidden)))
        return states

    def _matrix(self, embedding: Tensor) -> Tensor:
        return embedding if self.decoder is None else self.decoder.weight


class Projector(nn.Module):
    """Dense layer and tanh on a pooled vector: SimCSE's training head (Gao et al. 2021)."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        return self.dense(pooled).tanh()  # type: ignore[no-any-return]


class LogitScale(nn.Module):
    """CLIP's learned inverse temperature (Radford et al. 2021), kept between 1 and 100.

    Its logarithm is learned, as an offset from where it starts.

    Args:
        start: what it is before training.
    """

    HIGHEST = math.log(100)

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start = math.log(start)
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self) -> Tensor:
        """() float32, what cosines are multiplied by."""
        return (self.start + self.offset).exp()

    @torch.no_grad()
    def clamp(self) -> None:
        """Bring the logarithm back to between 0 and ln 100."""
        self.offset.clamp_(-self.start, self.HIGHEST - self.start)


class Discriminator(nn.Module):
    """Hidden states to one logit a token: was it replaced? (ELECTRA, Clark et al. 2020).

    Args:
        config: the backbone's.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.output = nn.Linear(config.hidden_size, 1)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, hidden: Tensor) -> Tensor:
        """(N, D) to (N,)."""
        return self.output(self.activation(self.dense(hidden))).squeeze(-1)  # type: ignore[no-any-return]
