"""Clean sentences of the corpus: what minimal pairs are made of."""

from models.initialization import seed_of
from runners.corpora.corpus import Corpus
from runners.corpora.prose import is_clean, sentences
from runners.probes.overlap import in_training

REPEATED = "held-out sentences that training text has too, left out"
"""Of a task's facts: their number."""


def clean_sentences(corpus: Corpus, split: str, *, longest: int) -> dict[str, str]:
    """The distinct clean sentences of a split, in an order given by their hash.

    Returns:
        The group of the first document that has each.
    """
    documents = corpus.documents(split)
    found: dict[str, str] = {}
    for text, group in zip(documents["text"], documents["group"], strict=True):
        for sentence in sentences(text):
            if is_clean(sentence, longest=longest):
                found.setdefault(sentence, group)
    return dict(sorted(found.items(), key=lambda item: seed_of("sentence", item[0])))


def held_out_sentences(corpus: Corpus, *, longest: int) -> tuple[dict[str, str], int]:
    """Those of the test split that training text does not have, and how many it has."""
    found = clean_sentences(corpus, "test", longest=longest)
    repeated = in_training(corpus, list(found))
    kept = {
        s: group for (s, group), known in zip(found.items(), repeated, strict=True) if not known
    }
    return kept, len(found) - len(kept)
