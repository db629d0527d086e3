"""Word order: has one pair of neighbouring words in the opening of a document been swapped?"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from models.initialization import seed_of
from results.facts import LEFT_OUT
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.measures.finetune import FinetuneConfig
from runners.measures.measurement import Measurement
from runners.measures.text_model import TextModel
from runners.probes.base import NotApplicableError, Probe, Task
from runners.probes.classification import ClassificationTask
from runners.probes.labelled import Labelled
from runners.probes.minimal_pairs import ACCURACY, MinimalPairsTask, SentencePairs
from runners.probes.scores import check_modes, metrics_of
from runners.probes.sentences import SHORTEST, held_out, openings, training_text
from runners.probes.shown import Shown

MIN_TEXTS = 200


def swap_neighbours(text: str) -> str | None:
    """Swap one pair of different neighbouring words, never the first or the last of the text.

    Which pair follows from the text itself. One swap, not a full shuffle: a bag of words tells
    shuffled texts apart, and this one it cannot.
    """
    words = text[:-1].split()
    places = [i for i in range(1, len(words) - 2) if words[i].lower() != words[i + 1].lower()]
    if not places:
        return None
    place = places[seed_of("swap", text) % len(places)]
    words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words) + text[-1]


class WordOrderTask(Task):
    """The same swaps twice: as minimal pairs by likelihood, and as a classification."""

    def __init__(self, pairs: MinimalPairsTask, classified: ClassificationTask | None) -> None:
        self._pairs, self._classified = pairs, classified

    @override
    def measure(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """Both, each with its own count of readings."""
        both = (self._pairs, *([self._classified] if self._classified else []))
        return [each for task in both for each in task.measure(model, seed=seed)]

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """`accuracy` of the preference, and the classification by mode."""
        measured = self._pairs.evaluate(model, seed=seed)
        if self._classified:
            measured += self._classified.evaluate(model, seed=seed)
        return measured

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """Those of both tasks."""
        found = self._pairs.baselines()
        return {**found, **(self._classified.baselines() if self._classified else {})}

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return self._pairs.tested

    @property
    @override
    def shown(self) -> list[Shown]:
        return [*self._pairs.shown, *(self._classified.shown if self._classified else [])]

    @cached_property
    @override
    def fingerprint(self) -> str:
        classified = self._classified.fingerprint if self._classified else ""
        return name_of([self._pairs.fingerprint, classified], length=64)

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        classified = self._classified.facts if self._classified else {}
        return {**classified, **self._pairs.facts}


@dataclass(frozen=True, kw_only=True)
class WordOrderProbe(Probe):
    """Swapped neighbours in the corpus's own texts.

    In a text, not in a sentence alone, where word trigrams do as well as a small language model.

    Attributes:
        pairs: minimal pairs, from the test split.
        train, test: examples of the classification, half of them swapped; never both forms of
            one text.
        longest: words of a text.
        modes: of the classification; empty leaves it out.
        finetune: the recipe.
    """

    pairs: int = 1500
    train: int = 4000
    test: int = 1000
    longest: int = 40
    modes: tuple[str, ...] = ()
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)

    def __post_init__(self) -> None:
        if self.modes:
            check_modes(self.modes)
        for name in ("pairs", "train", "test"):
            if getattr(self, name) < MIN_TEXTS:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must be at least {MIN_TEXTS}"
                )

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return (ACCURACY, *metrics_of("accuracy", self.modes))

    @override
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take openings and swap."""
        kept, repeated = held_out(corpus, openings(corpus, "test", longest=self.longest))
        test = _swapped(kept)
        training = _swapped(openings(corpus, "train", longest=self.longest)) if self.modes else []
        if len(test) < MIN_TEXTS or (self.modes and len(training) < MIN_TEXTS):
            raise NotApplicableError(
                f"{corpus.card.label} has {len(test)} documents to test on that begin with "
                f"{SHORTEST} to {self.longest} words in whole sentences"
                + (f" and {len(training)} to train on" if self.modes else "")
                + f"; {MIN_TEXTS} are needed"
            )
        chosen = test[: self.pairs]
        pairs = SentencePairs(
            [good for good, _, _ in chosen],
            [bad for _, bad, _ in chosen],
            ["swap"] * len(chosen),
            [group for _, _, group in chosen],
        )
        classified = None
        if self.modes:
            classified = ClassificationTask(
                _half_swapped(training[: self.train]),
                _half_swapped(test[: self.test]),
                self.modes,
                self.finetune,
                seen=corpus.seen,
            )
        minimal = MinimalPairsTask(
            pairs, training_text(corpus), seen=corpus.seen, known={LEFT_OUT: repeated}
        )
        return WordOrderTask(minimal, classified)


def _swapped(found: dict[str, str]) -> list[tuple[str, str, str]]:
    """Texts as written, swapped, and their groups; those that allow no swap left out."""
    return [
        (text, swapped, group)
        for text, group in found.items()
        if (swapped := swap_neighbours(text))
    ]


def _half_swapped(found: list[tuple[str, str, str]]) -> Labelled:
    is_swapped = np.arange(len(found)) % 2
    texts = [pair[swapped] for pair, swapped in zip(found, is_swapped, strict=True)]
    labels = ["swapped" if swapped else "kept" for swapped in is_swapped]
    return Labelled(texts, labels, [group for *_, group in found])
