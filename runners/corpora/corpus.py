"""A built corpus: documents, tokenizer, token rows, and the batches that jobs train on."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from models.batch import PADDED_TO, Batch, Views
from models.vocabulary import Vocabulary
from results.corpus import CorpusCard
from runners.corpora.document import SPLITS, count_groups
from runners.corpora.images import ImageRows, images_file
from runners.corpora.shards import TokenRows
from runners.corpora.splits import documents_file
from runners.corpora.stream import RowStream
from runners.corpora.tokenizer import TextTokenizer

MIN_GROUPS = 8
"""With fewer independent units a resampling of them is no measure of anything."""


Passage = str | tuple[str, str]
"""What a row holds: a text, or two that belong together."""


class Corpus:
    """Batches and texts of a built corpus. It knows nothing of objectives.

    Args:
        folder: where `build_corpus` wrote it.
    """

    def __init__(self, folder: Path) -> None:
        card = json.loads((folder / "card.json").read_text())
        self.folder = folder
        self.card = CorpusCard.from_json(card)
        self.tokenizer = TextTokenizer.load(folder)
        self._rows = {split: TokenRows(folder, split) for split in SPLITS}
        self._images = {
            split: ImageRows(folder, split, self.card.image_size)
            for split in SPLITS
            if images_file(folder, split).is_file()
        }

    @property
    def vocabulary(self) -> Vocabulary:
        """Token ids by role."""
        return self.tokenizer.vocabulary

    def rows(self, split: str) -> TokenRows:
        """The token rows of a split."""
        return self._rows[split]

    def documents(self, split: str) -> pd.DataFrame:
        """Columns `text`, `group` and `label`, one row a document.

        Where there are few groups (the books of a test split), each document is one of its own:
        an interval over so few would say nothing.
        """
        frame = pd.read_parquet(
            documents_file(self.folder, split), columns=["text", "group", "label"]
        )
        has_groups = count_groups(frame["group"], MIN_GROUPS) == MIN_GROUPS
        return frame if has_groups else frame.assign(group=frame["text"])

    def batches(
        self,
        split: str,
        *,
        batch_size: int,
        seed: int,
        start_step: int = 0,
        views: Views = "",
    ) -> Iterator[Batch]:
        """The endless stream of a split: the batch at step k follows from (data, seed, k)."""
        start = start_step * batch_size
        while True:
            batch = self.stretch(split, start=start, count=batch_size, seed=seed, views=views)
            yield batch
            start += len(batch.input_ids)

    def usable(self, split: str, views: Views) -> np.ndarray:
        """(rows,) bool, the rows of a split that hold what is asked for."""
        table = self._rows[split].table
        if not views:
            return np.ones(len(table), dtype=bool)
        column = {"pairs": "second", "triplets": "third", "images": "image"}[views]
        found: np.ndarray = table[column] > 0
        return found

    @property
    def holds(self) -> frozenset[Views]:
        """What its training rows hold beside one text."""
        kinds: tuple[Views, ...] = ("pairs", "triplets", "images")
        return frozenset(kind for kind in kinds if self.usable("train", kind).any())

    def images(self, split: str) -> ImageRows:
        """The pictures of a split, in the order of its documents."""
        return self._images[split]

    def stretch(self, split: str, *, start: int, count: int, seed: int, views: Views = "") -> Batch:
        """The rows of a split's stream after the first `start`.

        Args:
            split: whose rows.
            start: places of the stream that are passed over.
            count: rows wanted; where `views` is given, rows that hold them, and then the stretch
                also has the rows between those.
            seed: of the stream.
            views: what a row must hold to be counted.
        """
        rows, stream = self._rows[split], self._stream(split, seed)
        chosen, ids = stream.rows(start, count)
        if views:
            usable = self.usable(split, views)
            assert usable.any(), "checked before anything is read"
            while usable[chosen].sum() < count:
                more, more_ids = stream.rows(start + len(chosen), count)
                chosen, ids = np.concatenate([chosen, more]), np.concatenate([ids, more_ids])
            end = int(np.flatnonzero(usable[chosen])[count - 1]) + 1
            chosen, ids = chosen[:end], ids[:end]
        batch = self.batch([rows.tokens(int(row)) for row in chosen], ids)
        batch = replace(batch, boundaries=torch.from_numpy(rows.boundaries(chosen)))
        if views != "images":
            return batch
        places = rows.table["image"][chosen] - 1
        pictures = self.images(split).take(np.maximum(places, 0))
        return replace(
            batch,
            images=torch.from_numpy(pictures),
            has_image=torch.from_numpy(places >= 0),
        )

    @lru_cache(maxsize=8)  # noqa: B019
    def _stream(self, split: str, seed: int) -> RowStream:
        return RowStream(self._rows[split].table["length"], seed)

    def batch(
        self,
        rows: Sequence[Sequence[int] | np.ndarray],
        row_ids: np.ndarray | None = None,
        *,
        padded_to: int = PADDED_TO,
    ) -> Batch:
        """Pad token rows into a batch, `[CLS]` before and `[SEP]` after each.

        Args:
            rows: ids without special tokens.
            row_ids: (rows,) what keys their random draws; by default they count from 0.
            padded_to: a multiple of this.
        """
        longest = max(len(row) for row in rows) + 2
        width = min(-(-longest // padded_to) * padded_to, max(self.card.sequence_length, longest))
        vocabulary = self.vocabulary
        input_ids = np.full((len(rows), width), vocabulary.pad_id, dtype=np.int64)
        for out, row in zip(input_ids, rows, strict=True):
            out[0] = vocabulary.cls_id
            out[1 : len(row) + 1] = row
            out[len(row) + 1] = vocabulary.sep_id
        lengths = torch.tensor([len(row) + 2 for row in rows])
        return Batch(
            torch.from_numpy(input_ids),
            torch.arange(width) < lengths[:, None],
            torch.arange(len(rows)) if row_ids is None else torch.from_numpy(row_ids),
        )

    def text_batches(
        self, texts: Sequence[Passage], *, batch_size: int
    ) -> Iterator[tuple[Batch, list[int]]]:
        """Texts as batches of similar length, longest first, each cut to the longest row.

        Two texts of a passage stand in one row with `[SEP]` between them; the longer one is cut
        first.

        Yields:
            A batch, and the places of its rows in `texts`.
        """
        limit = self.card.sequence_length - 2
        first = self.tokenizer.encode([t if isinstance(t, str) else t[0] for t in texts])
        second = iter(self.tokenizer.encode([t[1] for t in texts if not isinstance(t, str)]))
        encoded = [
            own.ids[:limit]
            if isinstance(text, str)
            else self._joined(own.ids, next(second).ids, limit)
            for text, own in zip(texts, first, strict=True)
        ]
        order = sorted(range(len(encoded)), key=lambda index: -len(encoded[index]))
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            yield self.batch([encoded[index] for index in chosen], padded_to=1), chosen

    def _joined(self, first: list[int], second: list[int], limit: int) -> list[int]:
        room = limit - 1
        kept = min(len(second), max(room // 2, room - len(first)))
        return [*first[: room - kept], self.vocabulary.sep_id, *second[:kept]]

    def seen(self, texts: Sequence[str]) -> list[str]:
        """What models read of each text: all of it, or the part that fits the longest row."""
        limit = self.card.sequence_length - 2
        return [
            text if len(encoded.ids) <= limit else text[: encoded.starts[limit]]
            for text, encoded in zip(texts, self.tokenizer.encode(texts), strict=True)
        ]


def unigram_distribution(counts: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """(V,) token frequencies with one added to each ordinary token; special tokens share 1e-12."""
    ordinary = ~vocabulary.is_special.numpy()
    smoothed = np.where(ordinary, counts + 1.0, 1e-12)
    return np.asarray(smoothed / smoothed.sum())
