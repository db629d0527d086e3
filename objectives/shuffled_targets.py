"""A placebo: masked language modelling whose targets have been dealt out at random."""

from dataclasses import dataclass, replace

from typing_extensions import override

from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.base import Moment
from objectives.mlm import MLM
from objectives.prepared import Prepared
from objectives.randomness import RowRandom


@dataclass(frozen=True, kw_only=True)
class ShuffledTargets(MLM):
    """Hide some tokens and predict those of other places: how often a token occurs, and no more.

    The targets of an update are shuffled among all its selected places: within a row they would
    still tell what the text is about.
    """

    TRAITS = replace(MLM.TRAITS, family="placebo", likelihood="none", mixes_rows=True)

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Mask as MLM does, then deal the targets out anew."""
        prepared = super().corrupt(batch, vocabulary=vocabulary, draw=draw, moment=moment)
        assert prepared.labels is not None
        labels = prepared.labels.flatten()
        order = draw.uniform("shuffle", prepared.labels.shape[1]).flatten()[prepared.positions]
        labels[prepared.positions] = prepared.targets[order.argsort()]
        return Prepared.of(prepared.inputs, prepared.attention, labels.view_as(prepared.labels))
