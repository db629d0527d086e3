"""Fusion: objectives made of objectives. What the three kinds of it share."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Self

from torch import nn
from typing_extensions import override

from models.batch import Batch, Views
from models.config import BackboneConfig
from models.vocabulary import Vocabulary
from objectives.base import Objective
from objectives.randomness import RowRandom
from objectives.trainable import Leaf, Moment, Trainable
from objectives.traits import Traits


@dataclass(frozen=True, kw_only=True)
class Fusion(Trainable):
    """Several objectives on one backbone; heads of one name (the token head `lm`) are one.

    Attributes:
        terms: the objectives, by a name within the fusion, in order.
        attention: who may look at whom when the model is probed; null where all terms agree, or
            where the last of a sequence decides.
    """

    terms: Mapping[str, Trainable] = field(default_factory=dict)
    attention: str | None = None

    @override
    def check_values(self) -> None:
        super().check_values()
        self.check_terms()
        if self.attention not in (None, "causal", "bidirectional"):
            raise ValueError(f"attention is {self.attention!r}; causal or bidirectional")
        if self.attention is None and len({term.traits.attention for term in self.probed}) > 1:
            each = ", ".join(f"{name} {t.traits.attention}" for name, t in self.terms.items())
            raise ValueError(
                f"the terms of {self.name} are trained under different attention ({each}), so say "
                "under which the model is probed: objective.attention=bidirectional, or causal"
            )

    def check_terms(self) -> None:
        """Raise ValueError unless there are some."""
        if not self.terms:
            raise ValueError(f"{self.name} has no terms; a fusion needs at least one objective")

    def check_mapping(self, name: str) -> None:
        """Raise ValueError unless the mapping `name` has a number for every term, with a sum."""
        self.check_terms()
        values: Mapping[str, float] = getattr(self, name)
        if set(values) != set(self.terms):
            raise ValueError(
                f"{name} of {self.name} names {', '.join(values) or 'nothing'}; its terms are "
                f"{', '.join(self.terms)}"
            )
        if min(values.values()) < 0 or not 0 < sum(values.values()) < math.inf:
            raise ValueError(
                f"{name} of {self.name} are {dict(values)}; none may be negative, and their sum "
                "must be a number above 0"
            )

    @property
    def trained(self) -> Sequence[str]:
        """The names of the terms that are trained on at some time."""
        return list(self.terms)

    @property
    def probed(self) -> Sequence[Trainable]:
        """The terms that shape the model as it is when it is probed."""
        return [self.terms[name] for name in self.trained]

    @property
    @override
    def traits(self) -> Traits:
        """Those of the terms together."""
        every = [self.terms[name].traits for name in self.trained]
        probed = [term.traits for term in self.probed]
        attention = self.attention or probed[0].attention
        fitting = [t for t in probed if t.attention == attention] or probed
        likelihoods = [t.likelihood for t in fitting if t.likelihood != "none"]
        views = [t.views for t in every if t.views]
        quantities = {t.quantity for t in every}
        return Traits(
            family=fitting[0].family,
            attention=attention,  # type: ignore[arg-type]
            pooling=probed[-1].pooling,
            likelihood=likelihoods[0] if likelihoods else "none",
            quantity=quantities.pop() if len(quantities) == 1 else "the sum of its terms",
            unit="item",
            supervises="; ".join(
                f"{name}: {self.terms[name].traits.supervises}" for name in self.trained
            ),
            additive=all(t.additive for t in every),
            mixes_rows=any(t.mixes_rows for t in every),
            passes=self.mean_passes,
            sentinels=any(t.sentinels for t in every),
            noisy=any(t.noisy for t in every),
            views=max(views, key=len) if views else "",
        )

    @property
    @abstractmethod
    def mean_passes(self) -> float:
        """Rows that the backbone computes for each row of the stream."""

    @override
    def fitted(self, holds: Set[Views]) -> Self:
        terms = {name: term.fitted(holds) for name, term in self.terms.items()}
        return replace(self, terms=terms)

    @override
    def with_rows(self, rows_per_update: int) -> Self:
        terms = {name: term.with_rows(rows_per_update) for name, term in self.terms.items()}
        return replace(self, rows_per_update=rows_per_update, terms=terms)

    @property
    @override
    def columns(self) -> tuple[Objective, ...]:
        return tuple(column for name in self.trained for column in self.terms[name].columns)

    @override
    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        for name in self.trained:
            self.terms[name].check(config, sequence_length)

    @override
    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """Every term's that is trained, one of each name."""
        heads = nn.ModuleDict()
        for term in self.trained:
            built = self.terms[term].build_heads(config, vocabulary_size, tied=tied)
            for name, head in built.items():
                if name not in heads:
                    heads[name] = head
        return heads

    def leaves(
        self,
        name: str,
        batch: Batch,
        *,
        weight: float = 1.0,
        vocabulary: Vocabulary,
        draw: RowRandom,
        moment: Moment,
    ) -> tuple[Leaf, ...]:
        """What one term makes of some rows, as leaves of the whole."""
        own = self.terms[name].prepare(batch, vocabulary=vocabulary, draw=draw, moment=moment)
        return tuple(
            replace(leaf, weight=weight * leaf.weight, name=f"{name}: {leaf.name}") for leaf in own
        )
