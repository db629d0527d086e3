"""Sequence: one objective after the other, each with an optimization of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from typing_extensions import override

from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.fusion import Fusion
from objectives.randomness import RowRandom
from objectives.trainable import Leaf, Moment, Phase, Trainable


@dataclass(frozen=True, kw_only=True)
class InSequence(Fusion):
    """Phases in the order of `shares`, each with its term's learning rate and rows per update.

    Attributes:
        shares: of the budget; a term of share 0 is left out.
        warmup: share of each phase over which its learning rate rises; null for the trainer's.
        fresh_optimizer: whether a phase begins with an optimizer that remembers nothing.
        learning_rate: multiplies those of the phases.
        rows_per_update: not used; each phase has its term's.
    """

    learning_rate: float = 1.0
    rows_per_update: int = 1
    shares: Mapping[str, float] = field(default_factory=dict)
    warmup: float | None = None
    fresh_optimizer: bool = True

    @override
    def check_values(self) -> None:
        self.check_mapping("shares")
        super().check_values()
        if self.warmup is not None and not 0 <= self.warmup <= 1:
            raise ValueError(f"warmup is {self.warmup}; it must lie in [0, 1], or be null")

    @property
    def order(self) -> list[str]:
        """The names of the phases."""
        return [name for name, share in self.shares.items() if share > 0]

    @property
    @override
    def trained(self) -> list[str]:
        return self.order

    @property
    @override
    def probed(self) -> Sequence[Trainable]:
        """The last phase shapes what is probed."""
        return [self.terms[self.order[-1]]]

    @property
    @override
    def mean_passes(self) -> float:
        total = sum(self.shares.values())
        return sum(self.shares[n] / total * self.terms[n].traits.passes for n in self.order)

    def place(self, progress: float) -> tuple[int, float]:
        """The phase at a share of the budget, and how much of it is done."""
        total = sum(self.shares.values())
        ends = [0.0, *accumulate(self.shares[name] / total for name in self.order)]
        index = min(sum(end <= progress for end in ends) - 1, len(self.order) - 1)
        start, stop = ends[index], ends[index + 1]
        return index, min(1.0, (progress - start) / (stop - start))

    @override
    def phase(self, progress: float) -> Phase:
        index, within = self.place(progress)
        own = self.terms[self.order[index]].phase(within)
        return replace(
            own,
            index=index,
            learning_rate=own.learning_rate * self.learning_rate,
            warmup=self.warmup if own.warmup is None else own.warmup,
            fresh_optimizer=self.fresh_optimizer and index > 0,
            share=self.shares[self.order[index]] / sum(self.shares.values()),
        )

    @property
    @override
    def phases(self) -> tuple[Phase, ...]:
        total = sum(self.shares.values())
        starts = [0.0, *accumulate(self.shares[name] / total for name in self.order)][:-1]
        return tuple(self.phase(start) for start in starts)

    @override
    def prepare(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> tuple[Leaf, ...]:
        """As the phase's term does, with its own progress."""
        index, within = self.place(moment.progress)
        return self.leaves(
            self.order[index],
            batch,
            vocabulary=vocabulary,
            draw=draw,
            moment=replace(moment, progress=within),
        )
