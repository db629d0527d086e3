"""The prose that minimal pairs are made of: clean sentences, and openings of documents."""

from collections.abc import Callable, Iterable
from functools import lru_cache

from models.initialization import seed_of
from runners.corpora.corpus import Corpus
from runners.corpora.prose import is_clean, opening, sentences
from runners.corpora.splits import read_documents
from runners.probes.overlap import in_training

SHORTEST = 16
"""Words of an opening: fewer say little of what it is about."""

Found = dict[str, str]
"""Distinct texts in an order given by their hash, and the group of the first document with each."""


def clean_sentences(corpus: Corpus, split: str, *, longest: int) -> Found:
    """The clean sentences of a split."""
    return _found(
        corpus, split, lambda text: [s for s in sentences(text) if is_clean(s, longest=longest)]
    )


def openings(corpus: Corpus, split: str, *, longest: int) -> Found:
    """What the documents of a split begin with, in whole sentences."""

    def of(text: str) -> list[str]:
        begun = " ".join(opening(text, longest=longest))
        return [begun] if len(begun.split()) >= SHORTEST else []

    return _found(corpus, split, of)


def sentence_pairs(corpus: Corpus, split: str, *, shortest: int, longest: int) -> Found:
    """The first two sentences of the documents of a split, a line each, where both have an end.

    Args:
        corpus: of the documents.
        split: of them.
        shortest: words of each.
        longest: words of both.
    """

    def of(text: str) -> list[str]:
        two = opening(text, longest=longest)[:2]
        ended = all(s[-1] in ".!?" and len(s.split()) >= shortest for s in two)
        return ["\n".join(two)] if len(two) == 2 and ended and two[0] != two[1] else []

    return _found(corpus, split, of)


def held_out(corpus: Corpus, found: Found) -> tuple[Found, int]:
    """Those that training text does not have, and how many it has."""
    repeated = in_training(corpus, list(found))
    kept = {
        s: group for (s, group), known in zip(found.items(), repeated, strict=True) if not known
    }
    return kept, len(found) - len(kept)


@lru_cache(maxsize=1)
def training_text(corpus: Corpus) -> tuple[str, ...]:
    """Every training document, which is what n-gram models read."""
    return tuple(d.text for batch in read_documents(corpus.folder, "train") for d in batch)


def _found(corpus: Corpus, split: str, texts_of: Callable[[str], Iterable[str]]) -> Found:
    documents = corpus.documents(split)
    found: Found = {}
    for text, group in zip(documents["text"], documents["group"], strict=True):
        for taken in texts_of(text):
            found.setdefault(taken, group)
    return dict(sorted(found.items(), key=lambda item: seed_of("sentence", item[0])))
