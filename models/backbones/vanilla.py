"""The encoder of BERT (Devlin et al. 2019): the layer of Vaswani et al. 2017, learned positions."""

from dataclasses import dataclass

from torch import Tensor, nn
from typing_extensions import override

from models.attention import SelfAttention, Sight
from models.backbone import Backbone
from models.config import ACTIVATIONS, BlocksConfig, LayerKind
from models.dropout import dropout


@dataclass(frozen=True, kw_only=True)
class VanillaConfig(BlocksConfig):
    """Multi-head attention `softmax(QK^T / sqrt(d)) V`, a two-layer feed-forward network, and
    LayerNorm after each residual (post-LN).
    """  # noqa: D205

    @property
    @override
    def layer_kinds(self) -> tuple[LayerKind, ...]:
        kinds: tuple[LayerKind, ...] = ("full",)
        return kinds * self.num_layers

    @property
    @override
    def matrix_weights(self) -> int:
        width, inner = self.hidden_size, self.intermediate_size
        return self.num_layers * (4 * width * width + 2 * width * inner)

    @property
    @override
    def asks_from_places(self) -> bool:
        return True

    @override
    def block(self, index: int) -> nn.Module:
        return VanillaBlock(self)

    @override
    def build(self, vocabulary_size: int) -> Backbone:
        width, eps = self.hidden_size, self.layer_norm_eps
        return Backbone(
            self,
            vocabulary_size,
            positions=nn.Embedding(self.max_length, width),
            embedding_norm=nn.LayerNorm(width, eps=eps),
            final_norm=nn.Identity(),
        )


class VanillaBlock(nn.Module):
    """Attention then feed-forward, each added to its input and then normalised (post-LN)."""

    def __init__(self, config: VanillaConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.activation = ACTIVATIONS[config.activation]

    def forward(
        self, hidden: Tensor, sight: Sight, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, D) to (B, T, D), or (N, D) of some places, and the values of its attention."""
        attended, values = self.attention(hidden, sight)
        attended = dropout(attended, sight.dropout, self.training)
        hidden = self.attention_norm(sight.asking(hidden) + attended)
        fed = self.down(self.activation(self.up(hidden)))
        fed = dropout(fed, sight.dropout, self.training)
        return self.output_norm(hidden + fed), values
