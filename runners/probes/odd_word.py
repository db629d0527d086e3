"""Odd word: has a word been exchanged for one as frequent that goes with both its neighbours?"""

import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from models.initialization import seed_of
from results.facts import LEFT_OUT
from runners.corpora.corpus import Corpus
from runners.probes.base import NotApplicableError, Task
from runners.probes.minimal_pairs import MinimalPairsTask, PairsProbe, SentencePairs
from runners.probes.sentences import SHORTEST, held_out, openings, training_text
from runners.probes.topics import topic_margins

_LETTERS, _OCCURRENCES, _RANKS = 4, 20, 200
"""A word has so many, training text so many of it, and its substitute is so near in rank."""


class Substitutes:
    """Words that could stand in another's place, as word pairs of training text know them.

    Args:
        texts: of training.
    """

    def __init__(self, texts: tuple[str, ...]) -> None:
        counts: Counter[str] = Counter()
        self._pairs: set[tuple[str, str]] = set()
        for text in texts:
            words = text.lower().split()
            counts.update(words)
            self._pairs.update(itertools.pairwise(words))
        known = [
            word for word, count in counts.items() if count >= _OCCURRENCES and _is_plain(word)
        ]
        self._ranked = sorted(known, key=lambda word: (-counts[word], word))
        self._rank = {word: rank for rank, word in enumerate(self._ranked)}

    def exchange(self, text: str) -> str | None:
        """The text with one of its words exchanged, or None where no word can be.

        Which word follows from the text itself. It stands there once, so that counting words does
        not tell it, and its substitute not at all.
        """
        words = text.split()
        held = Counter(word.strip(".,;:()`'\"").lower() for word in words)
        places = [
            i for i in range(1, len(words) - 1) if words[i] in self._rank and held[words[i]] == 1
        ]
        if not places:
            return None
        place = places[seed_of("odd", text) % len(places)]
        before, after = words[place - 1].lower(), words[place + 1].lower()
        rank = self._rank[words[place]]
        fitting = [
            word
            for word in self._ranked[max(0, rank - _RANKS) : rank + _RANKS + 1]
            if word not in held and {(before, word), (word, after)} <= self._pairs
        ]
        if not fitting:
            return None
        words[place] = fitting[seed_of("with", text) % len(fitting)]
        return " ".join(words)


@dataclass(frozen=True, kw_only=True)
class OddWordProbe(PairsProbe):
    """One word exchanged in what a document begins with (SOMO of Conneau et al. 2018).

    The substitute is about as frequent, and training text has it after the word before and before
    the word after, so that word pairs alone hardly tell.
    """

    pairs: int = 1500

    @override
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take openings and exchange a word of each."""
        found = openings(corpus, "test", longest=self.longest)
        kept, repeated = held_out(corpus, found)
        substitutes = Substitutes(training_text(corpus))
        chosen: list[tuple[str, str, str]] = []
        for text, group in kept.items():
            exchanged = substitutes.exchange(text) if len(chosen) < self.pairs else None
            if exchanged:
                chosen.append((text, exchanged, group))
        if len(chosen) < self.FEWEST:
            raise NotApplicableError(
                f"{corpus.card.label} has {len(chosen)} documents to test on that begin with "
                f"{SHORTEST} to {self.longest} words in whole sentences, one of which can be "
                f"exchanged; {self.FEWEST} are needed"
            )
        good, bad, groups = map(list, zip(*chosen, strict=True))
        return MinimalPairsTask(
            SentencePairs(good, bad, ["odd"] * len(chosen), groups),
            training_text(corpus),
            seen=corpus.seen,
            known={LEFT_OUT: repeated},
            more={"latent semantic analysis": topic_margins},
        )


def _is_plain(word: str) -> bool:
    return len(word) >= _LETTERS and word.isalpha() and word.islower()
