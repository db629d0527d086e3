"""Three splits that share no text: sides chosen by hash, repeats and near-repeats dropped."""

import hashlib
import heapq
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from results.corpus import SplitCounts
from runners.corpora.document import SPLITS, CorpusConfig, Document, Source

SHINGLE_WORDS, SHINGLE_IDEOGRAPHS, SHINGLE_LETTERS = 8, 12, 40
MAX_OVERLAP = 0.5
"""A held-out document that shares this part of its shingles with training is dropped."""

LONGEST_MEAN = 32
"""Where words are longer on average, no spaces separate them."""

_IDEOGRAPHS = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Han and kana."""
_JOINED_LETTERS = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u1a5f]")
"""Thai, Lao, Tibetan, Myanmar, Khmer, Tai: spaces stand between sentences at most."""

_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("text", "group", "label")]
    + [(name, pa.int32()) for name in ("second", "third")]
    + [("image", pa.binary())]
)
MOST_ROWS, MOST_CHARACTERS = 4096, 2**22
"""Documents that are in memory at a time: so many, or until they have so many characters and bytes
of pictures.
"""


def write_splits(source: Source, config: CorpusConfig, folder: Path) -> SplitCounts:
    """Write `documents-SPLIT.parquet` for every split into `folder`, in one pass and a check.

    The side of a document is a hash of its group: it depends neither on position, which would
    put one genre on one side, nor on what else the corpus holds. (Where files are few, the source
    says on which side each stands.)
    """
    found: Counter[str] = Counter()
    writers = {
        split: pq.ParquetWriter(documents_file(folder, split), _SCHEMA, compression="zstd")
        for split in SPLITS
    }
    pending: dict[str, list[Document]] = {split: [] for split in SPLITS}
    sizes = dict.fromkeys(SPLITS, 0)
    try:
        for document in _distinct(_limited(source, config.max_documents, found), found):
            split = _side(document, source, config)
            pending[split].append(document)
            sizes[split] += len(document.text) + len(document.image)
            if len(pending[split]) >= MOST_ROWS or sizes[split] >= MOST_CHARACTERS:
                writers[split].write_table(_table(pending[split]))
                pending[split].clear()
                sizes[split] = 0
        for split, documents in pending.items():
            if documents:
                writers[split].write_table(_table(documents))
    finally:
        for writer in writers.values():
            writer.close()
    near = _drop_near_repeats(folder)
    kept = {split: pq.read_metadata(documents_file(folder, split)).num_rows for split in SPLITS}
    return SplitCounts(found["read"], found["repeats"], near, kept, blank=found["blank"])


def drop_documents(folder: Path, split: str, keep: Sequence[bool]) -> None:
    """Rewrite a split with those of its documents that are to be kept, in their order."""
    source, target = documents_file(folder, split), documents_file(folder, f"{split}-kept")
    place = 0
    with pq.ParquetWriter(target, _SCHEMA, compression="zstd") as writer:
        for group in _groups(source):
            kept = group.filter(pa.array(keep[place : place + len(group)]))
            if len(kept):
                writer.write_table(kept)
            place += len(group)
    os.replace(target, source)


def read_documents(folder: Path, split: str) -> Iterator[list[Document]]:
    """The documents of a split in the order they were written, some thousand at a time or fewer
    long ones.
    """  # noqa: D205
    for group in _groups(documents_file(folder, split)):
        yield [Document(split=split, **row) for row in group.to_pylist()]


def _groups(path: Path) -> Iterator[pa.Table]:
    """As they were written, of which one is in memory."""
    file = pq.ParquetFile(path)
    for number in range(file.num_row_groups):
        yield file.read_row_group(number)


def documents_file(folder: Path, split: str) -> Path:
    """Where `write_splits` writes a split: columns text, group, label, second, third and image."""
    return folder / f"documents-{split}.parquet"


def _table(documents: list[Document]) -> pa.Table:
    columns = {name: [getattr(d, name) for d in documents] for name in _SCHEMA.names}
    return pa.table(columns, schema=_SCHEMA)


def _limited(source: Source, limit: int | None, found: Counter[str]) -> Iterator[Document]:
    """The documents that have text, at most `limit` of each split, taken at random.

    Those whose hash is lowest are taken: the first ones would be one author's or one year's. Only
    hashes are held in memory; the source is read twice.
    """
    if limit is None:
        yield from _not_blank(source.documents(), found)
    elif source.in_random_order:
        yield from _first(_not_blank(source.documents(), found), limit, max(1, len(source.splits)))
    else:
        highest = _highest_hashes(source, limit)
        for document in _not_blank(source.documents(), found):
            if _hash_of(document) <= highest[document.split]:
                yield document


def _first(documents: Iterable[Document], limit: int, splits: int) -> Iterator[Document]:
    """The first of each split, read no further than there is something to take."""
    taken: Counter[str] = Counter()
    for document in documents:
        if taken[document.split] < limit:
            taken[document.split] += 1
            yield document
        if len(taken) == splits and min(taken.values()) == limit:
            return


def _highest_hashes(source: Source, limit: int) -> dict[str, bytes]:
    """By split, the highest of its `limit` lowest hashes."""
    lowest: dict[str, list[int]] = {}  # heaps of negative numbers: the highest hash comes first
    members: set[tuple[str, int]] = set()  # a repeated text counts once
    for document in _not_blank(source.documents(), Counter()):
        split, negative = document.split, -int.from_bytes(_hash_of(document), "big")
        heap = lowest.setdefault(split, [])
        if (split, negative) in members or (len(heap) == limit and negative < heap[0]):
            continue
        members.add((split, negative))
        if len(heap) < limit:
            heapq.heappush(heap, negative)
        else:
            members.remove((split, heapq.heapreplace(heap, negative)))
    return {split: (-heap[0]).to_bytes(16, "big") for split, heap in lowest.items()}


def _not_blank(documents: Iterable[Document], found: Counter[str]) -> Iterator[Document]:
    for document in documents:
        if document.text.strip():
            yield document
        else:
            found["blank"] += 1


def _distinct(documents: Iterable[Document], found: Counter[str]) -> Iterator[Document]:
    seen: set[bytes] = set()
    for document in documents:
        found["read"] += 1
        digest = _hash_of(document)
        if digest in seen:
            found["repeats"] += 1
        else:
            seen.add(digest)
            yield document


def _hash_of(document: Document) -> bytes:
    """16 bytes, of text and picture; of another length than the hash that decides its side."""
    content = document.text.strip().encode() + b"\0" + document.image
    return hashlib.blake2b(content, digest_size=16).digest()


def _side(document: Document, source: Source, config: CorpusConfig) -> str:
    """The source's own split; a split that it lacks is taken out of its training documents."""
    if document.split in ("validation", "test"):
        return document.split
    if document.group in source.sides:
        return source.sides[document.group]
    digest = hashlib.blake2b(document.group.encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "little") / 2**64  # in [0, 1)
    if "validation" not in source.splits and place < config.validation_share:
        return "validation"
    if "test" not in source.splits and place >= 1 - config.test_share:
        return "test"
    return "train"


def _drop_near_repeats(folder: Path) -> int:
    """Rewrite the held-out splits without the documents that training mostly contains.

    Only the held-out shingles are held in memory; the documents stream past them.

    Returns:
        How many were dropped.
    """
    held_out = np.concatenate(
        [
            np.empty(0, np.uint64),
            *(_shingles(batch) for split in SPLITS[1:] for batch in read_documents(folder, split)),
        ]
    )
    if not len(held_out):
        return 0
    held_out.sort()
    in_training = np.zeros(len(held_out), dtype=bool)  # of equal ones at the first
    for documents in read_documents(folder, "train"):
        hashes = _shingles(documents)
        places = np.minimum(np.searchsorted(held_out, hashes), len(held_out) - 1)
        in_training[places[held_out[places] == hashes]] = True
    dropped = 0
    for split in SPLITS[1:]:
        keep = [
            not len(own) or in_training[np.searchsorted(held_out, own)].mean() < MAX_OVERLAP
            for batch in read_documents(folder, split)
            for own in (shingles(document.text) for document in batch)
        ]
        if not all(keep):
            drop_documents(folder, split, keep)
        dropped += sum(not kept for kept in keep)
    return dropped


def _shingles(documents: list[Document]) -> np.ndarray:
    return np.concatenate([shingles(document.text) for document in documents])


def shingles(text: str) -> np.ndarray:
    """(n,) uint64, a hash of every run of 8 words; empty for shorter texts.

    Of texts whose words no spaces separate, of every run of 12 ideographs or kana, or of 40
    letters (Thai, a sequence of nucleotides): about as much text.
    """
    text = text.lower()
    words = text.split()
    width = _characters_in_a_shingle(text, len(words))
    if width:
        units = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32).astype(np.uint64)
    else:
        width = SHINGLE_WORDS
        units = np.fromiter((zlib.crc32(w.encode()) for w in words), np.uint64, len(words))
    count = len(units) - width + 1
    if count < 1:
        return np.empty(0, np.uint64)
    hashes = np.zeros(count, np.uint64)
    for place in range(width):
        hashes += units[place : place + count] * _POWERS[place]  # modulo 2^64
    return hashes


def _characters_in_a_shingle(text: str, words: int) -> int:
    """0 where words are the unit: most texts, whatever names they hold in another script."""
    if not text.isascii():
        if len(_IDEOGRAPHS.findall(text)) > words:
            return SHINGLE_IDEOGRAPHS
        if 2 * len(_JOINED_LETTERS.findall(text)) > len(text):
            return SHINGLE_LETTERS
    if len(text) > LONGEST_MEAN * words and len("".join(text.split())) > LONGEST_MEAN * words:
        return SHINGLE_LETTERS
    return 0


_POWERS = np.array([pow(0x9E3779B97F4A7C15, k, 2**64) for k in range(SHINGLE_LETTERS)], np.uint64)
