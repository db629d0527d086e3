"""Sentence order: which of the two sentences that a document begins with comes first?"""

from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from results.facts import LEFT_OUT
from runners.corpora.corpus import Corpus
from runners.probes.base import NotApplicableError, Task
from runners.probes.minimal_pairs import MinimalPairsTask, PairsProbe, SentencePairs
from runners.probes.sentences import held_out, sentence_pairs, training_text

SHORTEST = 5
"""Words of a sentence."""


@dataclass(frozen=True, kw_only=True)
class SentenceOrderProbe(PairsProbe):
    """A document's first two sentences as written against the second before the first.

    The coherence of BERT's successors (Lan et al. 2020) and of the entity grid (Barzilay & Lapata
    2008), by likelihood: both texts have the same words in the same sentences.
    """

    pairs: int = 3000
    longest: int = 80

    @override
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take the first two sentences of documents, and turn them round."""
        found = sentence_pairs(corpus, "test", shortest=SHORTEST, longest=self.longest)
        kept, repeated = held_out(corpus, found)
        if len(kept) < self.FEWEST:
            raise NotApplicableError(
                f"{corpus.card.label} has {len(kept)} documents to test on that begin with two "
                f"sentences of {SHORTEST} words or more, {self.longest} at most together, which "
                f"training text does not have; {self.FEWEST} are needed"
            )
        chosen = list(kept.items())[: self.pairs]
        first, second = zip(*(both.split("\n") for both, _ in chosen), strict=True)
        pairs = SentencePairs(
            [f"{a} {b}" for a, b in zip(first, second, strict=True)],
            [f"{b} {a}" for a, b in zip(first, second, strict=True)],
            ["order"] * len(chosen),
            [group for _, group in chosen],
        )
        return MinimalPairsTask(
            pairs, training_text(corpus), seen=corpus.seen, known={LEFT_OUT: repeated}
        )
