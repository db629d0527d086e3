"""The Transformer encoder that every objective trains; only the attention mask differs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.batch import Attention, Batch
from models.blocks import Blocks
from models.config import BackboneConfig, BlocksConfig
from models.dropout import dropout as drop


@dataclass(frozen=True, slots=True)
class BackboneOutput:
    """What a backbone computed.

    Attributes:
        last: (B, T, D) after the last block.
        hidden: one (B, T, D) for each layer asked for; layer 0 is the embeddings.
    """

    last: Tensor
    hidden: tuple[Tensor, ...] = ()


class Encoder(nn.Module, ABC):
    """What every objective asks of a backbone, whoever built it.

    Attributes:
        config: size and shape.
        token_embedding: (V, D).
        checkpoint_tokens: of a backbone that goes on from a checkpoint, how many ids that one has;
            None where all are our own.
    """

    config: BackboneConfig
    token_embedding: nn.Embedding
    checkpoint_tokens: int | None = None

    @abstractmethod
    def forward(
        self,
        batch: Batch,
        *,
        attention: Attention,
        layers: Sequence[int] = (),
        dropout: float | None = None,
    ) -> BackboneOutput:
        """Hidden states of a batch.

        Args:
            batch: B rows of T tokens.
            attention: who may look at whom.
            layers: which layers' states to return beside the last; 0 is the embeddings.
            dropout: rate of this pass while the model is trained, in place of the configured
                one: for an objective whose views are noise (SimCSE).

        Returns:
            `last` (B, T, D), and the states of `layers` in the order asked for.
        """

    @abstractmethod
    def embed(self, input_ids: Tensor) -> Tensor:
        """(B, T) ids to (B, T, D): what the first block reads, before dropout."""


class Backbone(Encoder):
    """Embeddings and a stack of blocks.

    Args:
        config: size and shape.
        vocabulary_size: number of token ids, V.
        positions: (max_length, D) learned, added to the embeddings; None where blocks turn queries
            and keys by their place.
        embedding_norm: of what the first block reads.
        final_norm: of what the last block leaves.
    """

    def __init__(
        self,
        config: BlocksConfig,
        vocabulary_size: int,
        *,
        positions: nn.Embedding | None,
        embedding_norm: nn.Module,
        final_norm: nn.Module,
    ) -> None:
        super().__init__()
        self.config: BlocksConfig = config
        self.token_embedding = nn.Embedding(vocabulary_size, config.hidden_size)
        self.position_embedding = positions
        self.embedding_norm = embedding_norm
        self.blocks = Blocks(config)
        self.final_norm = final_norm

    @override
    def forward(
        self,
        batch: Batch,
        *,
        attention: Attention,
        layers: Sequence[int] = (),
        dropout: float | None = None,
    ) -> BackboneOutput:
        """Hidden states of a batch; those of `layers` are as the blocks leave them, without the
        norm after the last.
        """  # noqa: D205
        rate = self.config.dropout if dropout is None else dropout
        embedded = drop(self.embed(batch.input_ids), rate, self.training)
        hidden, kept = self.blocks(embedded, batch.attention_mask, attention, layers, rate)
        return BackboneOutput(self.final_norm(hidden), tuple(kept[layer] for layer in layers))

    @override
    def embed(self, input_ids: Tensor) -> Tensor:
        """(B, T) ids to (B, T, D): what the first block reads, before dropout."""
        hidden = self.token_embedding(input_ids)
        if self.position_embedding is not None:
            places = torch.arange(input_ids.shape[1], device=input_ids.device)
            hidden = hidden + self.position_embedding(places)
        return self.embedding_norm(hidden)  # type: ignore[no-any-return]
