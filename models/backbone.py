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
from models.places import Places


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

    def states_at(self, places: Places, batch: Batch, *, attention: Attention) -> Tensor:
        """(N, D), the states after the last block at some places of a batch.

        Here all are computed and some taken. Where `config.narrows`, the last block is computed
        at these places alone.

        Args:
            places: of the rows of the batch.
            batch: as of `forward`.
            attention: as of `forward`.
        """
        return places.take(self(batch, attention=attention).last)

    def recompute(self) -> None:
        """Train in less memory from now on, for more time, where that is known how."""

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
        hidden, kept = self._through(batch, attention, layers, dropout)
        return BackboneOutput(self.final_norm(hidden), tuple(kept[layer] for layer in layers))

    @override
    def states_at(self, places: Places, batch: Batch, *, attention: Attention) -> Tensor:
        if not self.config.narrows(places):
            return super().states_at(places, batch, attention=attention)
        hidden, _ = self._through(batch, attention, (), None, places)
        return self.final_norm(hidden)  # type: ignore[no-any-return]

    @override
    def recompute(self) -> None:
        self.blocks.recompute()

    def _through(
        self,
        batch: Batch,
        attention: Attention,
        layers: Sequence[int],
        dropout: float | None,
        places: Places | None = None,
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """From embeddings to what the last block leaves, and the states of `layers`."""
        rate = self.config.dropout if dropout is None else dropout
        embedded = drop(self.embed(batch.input_ids), rate, self.training)
        mask = batch.attention_mask
        found: tuple[Tensor, dict[int, Tensor]]
        found = self.blocks(embedded, mask, attention, layers, rate, places)
        return found

    @override
    def embed(self, input_ids: Tensor) -> Tensor:
        """(B, T) ids to (B, T, D): what the first block reads, before dropout."""
        hidden = self.token_embedding(input_ids)
        if self.position_embedding is not None:
            places = torch.arange(input_ids.shape[1], device=input_ids.device)
            hidden = hidden + self.position_embedding(places)
        return self.embedding_norm(hidden)  # type: ignore[no-any-return]
