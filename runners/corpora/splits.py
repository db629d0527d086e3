"""Three splits that share no text: sides chosen by hash, repeats and near-repeats dropped."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from runners.corpora.document import SPLITS, CorpusConfig, Document, Source

SHINGLE_WORDS = 8
MAX_OVERLAP = 0.5
"""A held-out document that shares this part of its 8-word shingles with training is dropped."""

_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("text", "group", "label")]
    + [(name, pa.int32()) for name in ("second", "third")]
    + [("image", pa.binary())]
)
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """What became of the documents of a source.

    Attributes:
        read: documents that the source offered, without blank ones.
        repeats: dropped, because an earlier document has the same text (and picture).
        near_repeats: dropped from the held-out splits, because training has most of their text.
        kept: documents of each split.
    """

    read: int
    repeats: int
    near_repeats: int
    kept: dict[str, int]


def write_splits(source: Source, config: CorpusConfig, folder: Path) -> SplitCounts:
    """Write `documents-SPLIT.parquet` for every split into `folder`, in one pass and a check.

    The side of a document is a hash of its group: it depends neither on position, which would
    put one genre on one side, nor on what else the corpus holds.
    """
    seen: set[bytes] = set()
    read = repeats = 0
    writers = {
        split: pq.ParquetWriter(_path(folder, split), _SCHEMA, compression="zstd")
        for split in SPLITS
    }
    pending: dict[str, list[Document]] = {split: [] for split in SPLITS}
    try:
        for document in _limited(_not_blank(source.documents()), config.max_documents):
            read += 1
            content = document.text.strip().encode() + b"\0" + document.image
            digest = hashlib.blake2b(content, digest_size=16).digest()
            if digest in seen:
                repeats += 1
                continue
            seen.add(digest)
            split = _side(document, source.splits, config)
            pending[split].append(document)
            if len(pending[split]) >= _ROWS_AT_ONCE:
                writers[split].write_table(_table(pending[split]))
                pending[split].clear()
        for split, documents in pending.items():
            if documents:
                writers[split].write_table(_table(documents))
    finally:
        for writer in writers.values():
            writer.close()
    near = {split: _drop_near_repeats(folder, split) for split in SPLITS[1:]}
    kept = {split: pq.read_metadata(_path(folder, split)).num_rows for split in SPLITS}
    return SplitCounts(read, repeats, sum(near.values()), kept)


def read_documents(folder: Path, split: str) -> Iterator[list[Document]]:
    """The documents of a split, some thousand at a time, in the order they were written."""
    for batch in pq.ParquetFile(_path(folder, split)).iter_batches(_ROWS_AT_ONCE):
        yield [Document(split=split, **row) for row in batch.to_pylist()]


def _path(folder: Path, split: str) -> Path:
    return folder / f"documents-{split}.parquet"


def _table(documents: list[Document]) -> pa.Table:
    columns = {name: [getattr(d, name) for d in documents] for name in _SCHEMA.names}
    return pa.table(columns, schema=_SCHEMA)


def _not_blank(documents: Iterable[Document]) -> Iterator[Document]:
    return (document for document in documents if document.text.strip())


def _limited(documents: Iterable[Document], limit: int | None) -> Iterator[Document]:
    taken: Counter[str] = Counter()
    for document in documents:
        if limit is None or taken[document.split] < limit:
            taken[document.split] += 1
            yield document


def _side(document: Document, own: frozenset[str], config: CorpusConfig) -> str:
    """The source's own split; a split that it lacks is taken out of its training documents."""
    if document.split in ("validation", "test"):
        return document.split
    digest = hashlib.blake2b(document.group.encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "little") / 2**64  # in [0, 1)
    if "validation" not in own and place < config.validation_share:
        return "validation"
    if "test" not in own and place >= 1 - config.test_share:
        return "test"
    return "train"


def _drop_near_repeats(folder: Path, split: str) -> int:
    """Rewrite a held-out split without the documents that training mostly contains.

    Only the held-out shingles are held in memory; the training documents stream past them.
    """
    table = pq.read_table(_path(folder, split))
    per_document = [shingles(text) for text in table["text"].to_pylist()]
    held_out = np.unique(np.concatenate([np.empty(0, np.uint64), *per_document]))
    in_training = np.zeros(len(held_out), dtype=bool)
    for documents in read_documents(folder, "train"):
        in_training |= np.isin(held_out, np.concatenate([shingles(d.text) for d in documents]))
    keep = [
        not len(own) or float(in_training[np.searchsorted(held_out, own)].mean()) < MAX_OVERLAP
        for own in per_document
    ]
    if not all(keep):
        pq.write_table(table.filter(pa.array(keep)), _path(folder, split), compression="zstd")
    return len(keep) - sum(keep)


def shingles(text: str) -> np.ndarray:
    """(number of words - 7,) uint64, a hash of every run of 8 words; empty for shorter texts."""
    words = np.fromiter((zlib.crc32(w.encode()) for w in text.lower().split()), dtype=np.uint64)
    if len(words) < SHINGLE_WORDS:
        return np.empty(0, np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(words, SHINGLE_WORDS)
    hashes: np.ndarray = (windows * _POWERS).sum(axis=1, dtype=np.uint64)  # modulo 2^64
    return hashes


_POWERS = np.array([pow(0x9E3779B97F4A7C15, k, 2**64) for k in range(SHINGLE_WORDS)], np.uint64)
