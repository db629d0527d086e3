"""What goes into the tensor work of an update, and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from models.batch import Attention, Batch, sent
from models.places import Places

IGNORE_INDEX = -100
"""The label of a position that is not supervised."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One update's input after corruption: all that is random or of data-dependent size is done.

    Attributes:
        inputs: the rows that the backbone reads.
        attention: who may look at whom.
        labels: (B, T) int64, IGNORE_INDEX where nothing is supervised; None without token targets.
        places: the N supervised ones, in the order of the rows.
        targets: (N,) int64, their labels. N is known before the tensor work, so that the
            last layer and the vocabulary projection run on N positions only and no shape depends
            on values.
        real: (M,) int64, the places of all real tokens in the flattened rows.
        copies: how many views of each row `inputs` holds, all first views first (SimCSE: 2).
        settings: hyperparameters that follow a schedule, as 0-dimensional tensors.
        more: by name whatever else the tensor work needs (draws for sampling, segments, float
            targets, weights of rows), each with a row for every row of `inputs`; all finite.
    """

    inputs: Batch
    attention: Attention
    labels: Tensor | None
    places: Places
    targets: Tensor
    real: Tensor
    copies: int = 1
    settings: Mapping[str, Tensor] = field(default_factory=dict)
    more: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        inputs: Batch,
        attention: Attention,
        labels: Tensor | None = None,
        *,
        copies: int = 1,
        more: Mapping[str, Tensor] | None = None,
        part_of: Places | None = None,
    ) -> "Prepared":
        """Work out `places` and `targets` from `labels`.

        Args:
            inputs: the rows.
            attention: who may look at whom.
            labels: (B, T), or None.
            copies: views of each row.
            more: what else is needed.
            part_of: the places of the update that these rows are a part of.
        """
        flat = torch.empty(0, dtype=torch.int64) if labels is None else labels.flatten()
        positions = flat.ne(IGNORE_INDEX).nonzero().flatten()
        real = inputs.attention_mask.flatten().nonzero().flatten()
        attention = replace(attention, unpadded=len(real) == inputs.attention_mask.numel())
        targets = flat[positions]
        rows, length = inputs.input_ids.shape
        places = Places.of(positions, rows, length, part_of)
        return cls(inputs, attention, labels, places, targets, real, copies=copies, more=more or {})

    @property
    def positions(self) -> Tensor:
        """(N,) int64, the supervised places in the flattened (B * T,) rows."""
        return self.places.flat

    @property
    def rows(self) -> int:
        """Rows of the stream, each once."""
        return len(self.inputs.input_ids) // self.copies

    def split(self, rows: int) -> list["Prepared"]:
        """Micro-batches of at most `rows` rows of the stream, for accumulation."""
        if rows >= self.rows:
            return [self]
        places = torch.arange(len(self.inputs.input_ids)).view(self.copies, self.rows)
        parts = [places[:, at : at + rows] for at in range(0, self.rows, rows)]
        return [self._slice(part.flatten()) for part in parts]

    def views(self, rows: int) -> list["Prepared"]:
        """Pieces of at most `rows` rows of `inputs`, whatever view they are, for GradCache."""
        total = len(self.inputs.input_ids)
        return [
            replace(self._slice(slice(at, at + rows)), copies=1) for at in range(0, total, rows)
        ]

    def _slice(self, rows: slice | Tensor) -> "Prepared":
        sliced = Prepared.of(
            self.inputs.select(rows),
            self.attention.select(rows),
            None if self.labels is None else self.labels[rows],
            copies=self.copies,
            more={name: value[rows] for name, value in self.more.items()},
            part_of=self.places,
        )
        return replace(sliced, settings=self.settings)

    def to(self, device: str) -> "Prepared":
        """The same on another device, where the tensor work is done."""
        return replace(
            self,
            inputs=self.inputs.to(device),
            attention=self.attention.to(device),
            labels=None,
            places=self.places.to(device),
            targets=sent(self.targets, device),
            real=sent(self.real, device),
            settings={name: sent(value, device) for name, value in self.settings.items()},
            more={name: sent(value, device) for name, value in self.more.items()},
        )


@dataclass(frozen=True, slots=True)
class Term:
    """One named part of a loss.

    Attributes:
        name: tells it from the other terms of the loss.
        values: (N,) float32, the loss of each supervised item (a token, a pair).
        rows: (N,) int64, the row of the batch that each item belongs to; None where none does, as
            in a loss that is not additive.
        weight: its share in the total.
    """

    name: str
    values: Tensor
    rows: Tensor | None = None
    weight: float | Tensor = 1.0


@dataclass(frozen=True, slots=True)
class LossOutput:
    """The terms of a loss, undivided: sums are taken over a whole update, then divided once.

    Attributes:
        terms: each with its weight.
        kept: by name, detached tensors with rows first that `Objective.after_update` is handed.
    """

    terms: tuple[Term, ...]
    kept: Mapping[str, Tensor] = field(default_factory=dict)

    def total(self, counts: Mapping[str, int]) -> Tensor:
        """The scalar to differentiate: each term's sum over its count in the whole update.

        Args:
            counts: supervised items of every term in the whole update, by name.
        """
        return torch.stack(list(self.parts(counts).values())).sum()

    def parts(self, counts: Mapping[str, int]) -> dict[str, Tensor]:
        """What each term gives to the total, by name."""
        return {
            term.name: term.weight * term.values.sum() / max(counts[term.name], 1)
            for term in self.terms
        }
