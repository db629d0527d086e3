"""Which held-out texts stand verbatim in training text, whatever their case and spacing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from runners.corpora.corpus import Corpus
from runners.corpora.splits import read_documents

ANCHOR = 8
"""Characters by which places are found where a text may begin; shorter texts are not looked for."""

_BITS = 22
_MULTIPLIER = 0x9E3779B97F4A7C15


def normalized_text(text: str) -> str:
    """In small letters, without any space: what is compared."""
    return "".join(text.lower().split())


def in_training(corpus: Corpus, texts: Sequence[str]) -> np.ndarray:
    """(N,) bool, whether each text stands in some training document, also in the midst of it."""
    return _found(texts, _training_text(corpus))


@lru_cache(maxsize=1)
def _training_text(corpus: Corpus) -> tuple[tuple[str, np.ndarray], ...]:
    """With its hashes, since every probe looks into it."""
    batches = read_documents(corpus.folder, "train")
    texts = ("\n".join(normalized_text(d.text) for d in batch) for batch in batches)
    return tuple((text, _hashes(text)) for text in texts)


def stands_in(texts: Sequence[str], haystacks: Iterable[str]) -> np.ndarray:
    """(N,) bool, whether each text, normalized, is part of some haystack.

    Hashes of ANCHOR characters tell at which places of a haystack it is worth looking.

    Args:
        texts: as written.
        haystacks: normalized.
    """
    return _found(texts, ((haystack, _hashes(haystack)) for haystack in haystacks))


def _found(texts: Sequence[str], hashed: Iterable[tuple[str, np.ndarray]]) -> np.ndarray:
    wanted = [normalized_text(text) for text in texts]
    by_anchor: defaultdict[str, set[str]] = defaultdict(set)
    for text in wanted:
        if len(text) >= ANCHOR:
            by_anchor[text[:ANCHOR]].add(text)
    if not by_anchor:
        return np.zeros(len(texts), dtype=bool)
    is_wanted = np.zeros(1 << _BITS, dtype=bool)
    is_wanted[_hashes("".join(by_anchor))[::ANCHOR]] = True
    found: set[str] = set()
    for haystack, hashes in hashed:
        for place in np.flatnonzero(is_wanted[hashes]).tolist():
            missing = by_anchor.get(haystack[place : place + ANCHOR])
            if missing:
                new = [text for text in missing if haystack.startswith(text, place)]
                found.update(new)
                missing.difference_update(new)
    return np.array([text in found for text in wanted], dtype=bool)


def _hashes(text: str) -> np.ndarray:
    """(characters - ANCHOR + 1,) int32, a hash below 2^_BITS of every run of ANCHOR characters."""
    hashes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    width = 1
    while width < ANCHOR and len(hashes) > width:  # runs of 2, 4, 8
        hashes = hashes[:-width] * np.uint64(_MULTIPLIER) + hashes[width:] * np.uint64(
            width * 2 + 1
        )
        hashes ^= hashes >> np.uint64(29)
        width *= 2
    if width < ANCHOR:
        return np.empty(0, np.int32)
    return (hashes * np.uint64(_MULTIPLIER) >> np.uint64(64 - _BITS)).astype(np.int32)
