"""Sentences in words, each word with its tag: the examples of tagging."""

from collections.abc import Sequence
from dataclasses import dataclass

from runners.probes.shown import Shown

BESIDE = 6
"""Words to either side that are shown with a word."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """Sentences in words, each word with its tag."""

    words: list[tuple[str, ...]]
    tags: list[tuple[str, ...]]

    def shown_words(self, metrics: Sequence[str], choices: Sequence[str]) -> Shown:
        """Every word among its neighbours."""
        found = [
            (" ".join(words[max(0, place - BESIDE) : place + BESIDE + 1]), word, tag)
            for words, tags in zip(self.words, self.tags, strict=True)
            for place, (word, tag) in enumerate(zip(words, tags, strict=True))
        ]
        header = ("words around it", "word", "tag")
        return Shown(metrics=metrics, header=header, texts=found, choices=choices)

    def shown_sentences(self, metrics: Sequence[str]) -> Shown:
        """Every sentence with its tags."""
        both = zip(self.words, self.tags, strict=True)
        texts = [(" ".join(words), " ".join(tags)) for words, tags in both]
        return Shown(metrics=metrics, header=("sentence", "its tags"), texts=texts)
