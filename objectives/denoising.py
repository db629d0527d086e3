"""Denoising that changes a row's length, in one stack: the noisy text first, then what to rebuild.

An encoder-decoder reads the noisy text from both sides and writes the clean one from left to
right. Here one stack does both: `[CLS] source [SEP] target [SEP]` under prefix attention, with the
loss on the target alone (the "decoder-only" form of Raffel et al. 2020).
"""

import itertools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from typing_extensions import override

from models.batch import Attention, AttentionKind, Batch
from models.config import BackboneConfig
from models.vocabulary import Vocabulary
from objectives.base import Moment, Traits
from objectives.clm import next_token_labels
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from objectives.token_prediction import TokenPrediction
from objectives.views import pad, texts_of

Draws = Mapping[str, np.ndarray]
"""By purpose, float64 in [0, 1) that belong to one row."""

TRAITS = Traits(
    family="DAE",
    attention="bidirectional",
    unit="target token",
    supervises="every token of the target",
    test_heads=("lm",),
)


class Denoising(TokenPrediction):
    """Rebuild a text from what noise has left of it; a subclass says what noise."""

    TRAITS = TRAITS
    PURPOSES: ClassVar[tuple[str, ...]]
    """Names of the independent draws that `noise` takes."""
    TARGETS_SEE: ClassVar[AttentionKind] = "prefix"
    STARTED: ClassVar[bool] = False
    """Whether the target begins with a `[CLS]` of its own, at which its first token is predicted;
    otherwise that is done at the `[SEP]` of the source."""

    @property
    @override
    def traits(self) -> Traits:
        """The target sees what its mask lets it, which a text of a probe does without."""
        return replace(super().traits, measured_attention=self.TARGETS_SEE)

    @abstractmethod
    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """Source and target of one row.

        Args:
            ids: of the row's text, at least one, special tokens left out.
            draws: at least two of each purpose for each token; a longer batch has more of them,
                and the same ones first.
            vocabulary: for sentinels, masks and modes.
        """

    def longest(self, sequence_length: int) -> int:
        """Places that source and target take at most, special tokens included."""
        return 2 * sequence_length

    @override
    def check(self, config: BackboneConfig, sequence_length: int) -> None:
        """Source and target must fit the model together."""
        needed = self.longest(sequence_length)
        if needed > config.max_length:
            raise ValueError(
                f"{self.name} puts source and target into one row, which takes up to {needed} "
                f"places, and model.max_length is {config.max_length}; raise it, or lower "
                f"dataset.sequence_length to {sequence_length * config.max_length // needed}"
            )

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Sources and targets in one row each, under attention that hides what follows."""
        texts = texts_of(batch)
        width = batch.input_ids.shape[1]
        drawn = {purpose: draw.uniform(purpose, 2 * width).numpy() for purpose in self.PURPOSES}
        rows, prefixes = [], []
        start = [vocabulary.cls_id] if self.STARTED else []
        for index, ids in enumerate(texts):
            own = {purpose: values[index] for purpose, values in drawn.items()}
            source, target = self.noise(ids, own, vocabulary)
            prefix = [vocabulary.cls_id, *source, vocabulary.sep_id]
            rows.append([*prefix, *start, *target, vocabulary.sep_id])
            prefixes.append(len(prefix))
        joined = pad(rows, batch.row_ids, vocabulary)
        prefix_lengths = torch.tensor(prefixes)
        first = prefix_lengths + len(start)  # (B,), the place of the first target
        places = torch.arange(joined.input_ids.shape[1])
        supervised = joined.attention_mask & (places >= first[:, None])
        labels = next_token_labels(joined.input_ids, supervised)
        attention = Attention(self.TARGETS_SEE, prefix_lengths=prefix_lengths)
        return Prepared.of(joined, attention, labels)


def noise_spans(
    length: int, density: float, mean_length: float, draws: np.ndarray, gaps: np.ndarray
) -> list[tuple[int, int]]:
    """The (start, stop) of every noise span, as T5 draws them (Raffel et al. 2020).

    `round(length * density)` tokens are noise, in `round(noise / mean_length)` spans; the lengths
    of the spans and of the text before each are random partitions into parts of at least one.

    Args:
        length: of the text, in tokens.
        density: share of noise, in (0, 1).
        mean_length: of a span.
        draws: (at least length,), for the partition of the noise.
        gaps: (at least length,), for the partition of the text.
    """
    if length < 2:
        return [(0, length)]
    noise = min(max(round(length * density), 1), length - 1)
    count = min(max(round(noise / mean_length), 1), noise, length - noise)
    spans = _partition(noise, count, draws)
    texts = _partition(length - noise, count, gaps)
    found, place = [], 0
    for text, span in zip(texts, spans, strict=True):
        place += text
        found.append((place, place + span))
        place += span
    return found


def _partition(total: int, parts: int, draws: np.ndarray) -> list[int]:
    """`total` as a sum of `parts` numbers of at least 1, every such sum equally likely."""
    cuts = np.sort(np.argsort(draws[: total - 1], kind="stable")[: parts - 1]) + 1
    bounds = [0, *cuts.tolist(), total]
    return [stop - start for start, stop in itertools.pairwise(bounds)]


def with_sentinels(
    ids: Sequence[int], spans: Sequence[tuple[int, int]], sentinels: Sequence[int]
) -> tuple[list[int], list[int]]:
    """T5's source and target: each span gives way to a sentinel, which leads it in the target.

    Raises:
        ValueError: there are more spans than sentinels.
    """
    if len(spans) > len(sentinels):
        raise ValueError(
            f"a row has {len(spans)} noise spans and the vocabulary {len(sentinels)} sentinels; "
            "raise the mean span length or lower dataset.sequence_length"
        )
    source, target, place = [], [], 0
    for (start, stop), sentinel in zip(spans, sentinels, strict=False):
        source += [*ids[place:start], sentinel]
        target += [sentinel, *ids[start:stop]]
        place = stop
    return source + list(ids[place:]), target
