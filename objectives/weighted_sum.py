"""Weighted sum: every row goes through every term, and the losses are added up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from typing_extensions import override

from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.fusion import Fusion
from objectives.randomness import RowRandom
from objectives.trainable import Leaf, Moment


@dataclass(frozen=True, kw_only=True)
class WeightedSum(Fusion):
    """The sum of several losses on the same rows, each with its own corruption and pass.

    Attributes:
        weights: of the terms' losses; a term of weight 0 is not computed.
    """

    weights: Mapping[str, float] = field(default_factory=dict)

    @override
    def check_values(self) -> None:
        self.check_mapping("weights")
        super().check_values()

    @property
    @override
    def schedulable(self) -> list[str]:
        return [*super().schedulable, *(f"weights.{name}" for name in self.weights)]

    @property
    @override
    def trained(self) -> list[str]:
        """Those that have a weight, at one end of their schedule at least."""
        ends = [
            self.at(progress).weights
            for progress in {0.0, 1.0, *(p for _, s in self.schedules for p in s.extremes)}
        ]
        return [name for name in self.terms if any(weights[name] > 0 for weights in ends)]

    @property
    @override
    def mean_passes(self) -> float:
        return sum(t.traits.passes for name, t in self.terms.items() if self.weights[name])

    @override
    def prepare(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> tuple[Leaf, ...]:
        """The rows as each term wants them."""
        weights = self.at(moment.progress).weights
        return tuple(
            leaf
            for name, weight in weights.items()
            if weight > 0
            for leaf in self.leaves(
                name, batch, weight=weight, vocabulary=vocabulary, draw=draw, moment=moment
            )
        )
