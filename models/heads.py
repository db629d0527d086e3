"""What stands on a backbone while it is trained."""

import torch.nn.functional as F
from torch import Tensor, nn

from models.backbone import ACTIVATIONS, BackboneConfig


class TokenHead(nn.Module):
    """Hidden states to logits over the vocabulary, as in BERT (Devlin et al. 2019).

    A dense layer, activation and LayerNorm, then the token embeddings transposed plus a bias.
    CLM and MLM share it, so that one can be read under the other's loss.

    Args:
        config: the backbone's.
        vocabulary_size: V.
        tied: take the output matrix from the backbone's embeddings; otherwise own one.
    """

    def __init__(self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.activation = ACTIVATIONS[config.activation]
        self.decoder = None if tied else nn.Linear(config.hidden_size, vocabulary_size, bias=False)
        self.bias = nn.Parameter(Tensor(vocabulary_size).zero_())

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """(N, D) supervised positions and the (V, D) embeddings to (N, V) logits."""
        hidden = self.norm(self.activation(self.dense(hidden)))
        matrix = embedding if self.decoder is None else self.decoder.weight
        return F.linear(hidden, matrix, self.bias)


class Projector(nn.Module):
    """Dense layer and tanh on a pooled vector: SimCSE's training head (Gao et al. 2021)."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        return self.dense(pooled).tanh()  # type: ignore[no-any-return]
