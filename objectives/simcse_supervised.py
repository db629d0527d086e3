"""Supervised SimCSE: pairs that belong together, with hard negatives (Gao et al. 2021)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from typing_extensions import override

from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.base import Moment, TrainModel, Traits
from objectives.contrastive import info_nce
from objectives.prepared import LossOutput, Prepared, Term
from objectives.randomness import RowRandom
from objectives.simcse import SimCSE
from objectives.views import natural_views, stack_views


@dataclass(frozen=True, kw_only=True)
class SupervisedSimCSE(SimCSE):
    """Tell the second text of a row from those of the other rows, and from their third texts.

    On a corpus of triplets (a sentence, one that it entails, one that it contradicts) the third
    are hard negatives; `hard_negatives: false` does without, and then pairs suffice.

    Attributes:
        hard_negatives: whether the third texts are candidates too.
    """

    hard_negatives: bool = False

    @property
    @override
    def traits(self) -> Traits:
        """Its needs and passes follow from the use of hard negatives."""
        views = 3 if self.hard_negatives else 2
        return replace(
            super().traits,
            noisy=False,
            passes=views,
            unit="pair",
            supervises="rows with a pair, against each other",
            views="triplets" if self.hard_negatives else "pairs",
        )

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """The texts of each row as rows of their own; rows without a pair are left out."""
        views, row_ids = natural_views(batch, 3 if self.hard_negatives else 2)
        return stack_views(views, row_ids, vocabulary)

    @override
    def contrast(self, model: TrainModel, vectors: Tensor, prepared: Prepared) -> LossOutput:
        """InfoNCE from each first text to all second and third ones."""
        anchors, candidates = vectors[: prepared.rows], vectors[prepared.rows :]
        values = info_nce(anchors, candidates, self.setting("temperature", prepared))
        rows = torch.arange(len(values), device=values.device)
        return LossOutput((Term(self.name, values, rows),))
