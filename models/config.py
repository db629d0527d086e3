"""Size and shape of a backbone."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from models.batch import AttentionKind
from models.places import Places
from models.registry import Kind, Named

if TYPE_CHECKING:
    from models.backbone import Encoder

LayerKind = Literal["full", "sliding"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
}


@dataclass(frozen=True, kw_only=True)
class BackboneConfig(Named, ABC):
    """Size and shape of a backbone; the files in conf/model/ are presets of it.

    An architecture is a subclass in models/backbones/NAME.py, with a block and what stands round
    the stack of them.

    Attributes:
        hidden_size: width of the residual stream, D.
        num_layers: number of blocks.
        num_heads: attention heads; they divide `hidden_size`.
        intermediate_size: width of the feed-forward network.
        max_length: longest row in tokens, `[CLS]` and `[SEP]` included.
        dropout: rate after the embeddings and after each sublayer.
        attention_dropout: rate on the attention weights.
        activation: one of ACTIVATIONS, in the feed-forward network and in the token head.
        initializer_range: standard deviation of the initial weights.
        layer_norm_eps: added to the variance in LayerNorm.
    """

    KEY: ClassVar = "architecture"

    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    max_length: int = 512
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation: str = "relu"
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        for name in ("hidden_size", "num_layers", "num_heads", "intermediate_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.hidden_size % self.num_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be shared by {self.num_heads} heads; "
                "choose a num_heads that divides it"
            )
        if self.max_length < 8:
            raise ValueError(f"max_length is {self.max_length}; a row needs at least 8 tokens")
        for name in ("dropout", "attention_dropout"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in [0, 1)")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; known: {', '.join(ACTIVATIONS)}")

    @property
    def shape(self) -> dict[str, Any]:
        """The settings that every architecture has, by name."""
        return {f.name: getattr(self, f.name) for f in fields(BackboneConfig)}

    @property
    @abstractmethod
    def matrix_weights(self) -> int:
        """Weights of all blocks that every token is multiplied by."""

    @abstractmethod
    def build(self, vocabulary_size: int) -> "Encoder":
        """The backbone; its weights are not set yet."""

    @abstractmethod
    def built_beside(self) -> "BlocksConfig":
        """The same size in blocks of ours, for what an objective sets beside the backbone."""

    @property
    def attention_width(self) -> int:
        """Of all attention heads together."""
        return self.hidden_size

    @property
    def asks_from_places(self) -> bool:
        """Whether its last layer can be computed at some places alone (models/places.py)."""
        return False

    def narrows(self, places: Places | None) -> bool:
        """Whether the last layer is computed at these places alone, where no others are read."""
        return places is not None and places.few and self.asks_from_places

    @property
    def own_attention(self) -> AttentionKind:
        """Who looks at whom before an objective says so."""
        return "bidirectional"

    @property
    def rate_scale(self) -> float:
        """Times learning rates that are stated for weights drawn at random: what suits these."""
        return 1.0

    @property
    def plain_token_head(self) -> bool:
        """Whether states meet the output matrix as they are."""
        return False

    @property
    def untied_token_head(self) -> bool:
        """Whether the output matrix is not that of the embeddings."""
        return False


@dataclass(frozen=True, kw_only=True)
class BlocksConfig(BackboneConfig):
    """A backbone that is a stack of like blocks, which towers can be built of too."""

    @property
    @abstractmethod
    def layer_kinds(self) -> tuple[LayerKind, ...]:
        """What each layer sees, from the first to the last."""

    @abstractmethod
    def block(self, index: int) -> nn.Module:
        """A layer, called as `Blocks` does.

        Args:
            index: counted from 0.
        """

    def window(self, kind: LayerKind) -> int | None:
        """How far layers of a kind see to either side, in tokens, or None for all of a row."""
        return None

    def rotary_base(self, kind: LayerKind) -> float | None:
        """Of the angles by which layers of a kind turn queries and keys, or None."""
        return None

    def begin(self, blocks: nn.Module) -> None:
        """Called once the initial weights of a stack are drawn, for what begins otherwise."""

    @override
    def built_beside(self) -> "BlocksConfig":
        return self


ARCHITECTURES: Kind[BackboneConfig] = Kind(
    "architecture", BackboneConfig, "models.backbones", "compare.architectures"
)
