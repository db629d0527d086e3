"""Which held-out texts stand verbatim in training text, whatever their case and spacing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, wraps
from typing import TypeVar

import numpy as np

from runners.corpora.corpus import Corpus
from runners.corpora.splits import read_documents

ANCHORS = (32, 8)
"""Characters by which places are found where a text may begin: as many as the text has.

Shorter texts are not looked for.
"""

HELD_BYTES = 2**27
"""Of training text: with its hashes it takes eight times as much memory. More is read anew by each
probe, some 40 s a GB.
"""

_BITS = 22
_MULTIPLIER = 0x9E3779B97F4A7C15


def normalized_text(text: str) -> str:
    """In small letters, without any space: what is compared."""
    return "".join(text.lower().split())


def in_training(corpus: Corpus, texts: Sequence[str]) -> np.ndarray:
    """(N,) bool, whether each text stands in some training document, also in the midst of it."""
    return _found(texts, _training_text(corpus))


Kept = TypeVar("Kept")


def held(read: Callable[[Corpus], Iterator[Kept]]) -> Callable[[Corpus], Iterable[Kept]]:
    """Keep what is read of a corpus's training text for the next probe, up to HELD_BYTES of it."""
    kept = lru_cache(maxsize=1)(lambda corpus: tuple(read(corpus)))

    @wraps(read)
    def of(corpus: Corpus) -> Iterable[Kept]:
        return kept(corpus) if corpus.card.num_bytes["train"] <= HELD_BYTES else read(corpus)

    return of


@held
def _training_text(corpus: Corpus) -> Iterator["_Haystack"]:
    for batch in read_documents(corpus.folder, "train"):
        yield _Haystack("\n".join(normalized_text(d.text) for d in batch))


def stands_in(texts: Sequence[str], haystacks: Iterable[str]) -> np.ndarray:
    """(N,) bool, whether each text, normalized, is part of some haystack.

    Args:
        texts: as written.
        haystacks: normalized.
    """
    return _found(texts, map(_Haystack, haystacks))


class _Haystack:
    """A normalized text, and the hashes that tell at which places it is worth looking."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._hashes: dict[int, np.ndarray] = {}

    def take(self, missing: dict[str, set[str]], width: int) -> set[str]:
        """Take those texts out of `missing` that stand here.

        Args:
            missing: normalized texts by their first `width` characters.
            width: one of ANCHORS.
        """
        if width not in self._hashes:
            self._hashes[width] = _hashes(self._text, width)
        is_wanted = np.zeros(1 << _BITS, dtype=bool)
        is_wanted[_hashes("".join(missing), width)[::width]] = True
        found: set[str] = set()
        for place in np.flatnonzero(is_wanted[self._hashes[width]]).tolist():
            waiting = missing.get(self._text[place : place + width])
            if waiting:
                new = [text for text in waiting if self._text.startswith(text, place)]
                found.update(new)
                waiting.difference_update(new)
        return found


def _found(texts: Sequence[str], haystacks: Iterable[_Haystack]) -> np.ndarray:
    wanted = [normalized_text(text) for text in texts]
    missing: dict[int, dict[str, set[str]]] = {}
    for text in wanted:
        width = next((width for width in ANCHORS if len(text) >= width), 0)
        if width:
            missing.setdefault(width, {}).setdefault(text[:width], set()).add(text)
    found: set[str] = set()
    for haystack in haystacks if missing else ():
        for width, by_anchor in missing.items():
            found |= haystack.take(by_anchor, width)
    return np.array([text in found for text in wanted], dtype=bool)


def _hashes(text: str, width: int) -> np.ndarray:
    """(characters - width + 1,) int32, a hash below 2^_BITS of every run of `width` characters."""
    hashes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    hashed = 1
    while hashed < width and len(hashes) > hashed:  # runs of 2, 4, 8, ...
        hashes = hashes[:-hashed] * np.uint64(_MULTIPLIER) + hashes[hashed:] * np.uint64(
            hashed * 2 + 1
        )
        hashes ^= hashes >> np.uint64(29)
        hashed *= 2
    if hashed < width:
        return np.empty(0, np.int32)
    return (hashes * np.uint64(_MULTIPLIER) >> np.uint64(64 - _BITS)).astype(np.int32)
