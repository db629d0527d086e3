"""What a probe is: data that is loaded once, and a measurement of every model on it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from models.registry import Kind, Named
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.measures.finetune import Lesson
from runners.measures.finish import FinishConfig
from runners.measures.measurement import Measurement
from runners.measures.read_once import ReadOnce
from runners.measures.text_model import TextModel
from runners.probes.shown import Shown

Seen = Callable[[Sequence[str]], list[str]]
"""Texts to the parts of them that a model reads (`Corpus.seen`)."""


class NotApplicableError(ValueError):
    """A probe that the corpus supplies does not exist for this corpus; the message says why."""


def share_cut(texts: Sequence[str], seen: Seen) -> float:
    """Share of the texts of which a model reads only a part."""
    cut = sum(whole != read for whole, read in zip(texts, seen(texts), strict=True))
    return cut / max(len(texts), 1)


def share_cut_together(pairs: Sequence[tuple[str, ...]], corpus: Corpus) -> float:
    """Share of the pairs of texts of which one row does not hold both whole."""
    sides = [corpus.tokenizer.encode(list(side)) for side in zip(*pairs, strict=True)]
    room = corpus.card.sequence_length - 3  # [CLS], and [SEP] after each of them
    cut = sum(len(one.ids) + len(other.ids) > room for one, other in zip(*sides, strict=True))
    return cut / max(len(pairs), 1)


def without_zeros(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are worth a word."""
    return {what: value for what, value in facts.items() if value}


def shuffled(answers: np.ndarray) -> np.ndarray:
    """The same in a random order, for every call the same one: what SHUFFLED is given."""
    found: np.ndarray = np.random.default_rng(0).permutation(answers)
    return found


class Task(ABC):
    """A loaded probe.

    Attributes:
        test: the examples to test on; of a task without them readings are not counted.
    """

    test: ReadOnce[Any] = ReadOnce(None)

    def measure(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """As `evaluate`, each figure with how often test examples were read for it."""
        self.test.readings.clear()
        found = self.evaluate(model, seed=seed)
        readings = self.test.readings
        return [replace(each, reads=readings[""] + readings[each.metric.name]) for each in found]

    @abstractmethod
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """Measure a model; whatever is drawn follows from `seed`."""

    @abstractmethod
    def baselines(self) -> dict[str, list[Measurement]]:
        """What needs no model: chance and simple methods on words, by name."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the data, so that other data never passes for this."""

    def lesson(self, finish: FinishConfig) -> Lesson | None:
        """Training examples that a model can be fine-tuned on, where it has such."""
        return None

    @property
    def after_finish(self) -> "Task":
        """What is measured of a model that was fine-tuned already."""
        return self

    @property
    def tested(self) -> list[tuple[str, ...]]:
        """Of each test example its texts, which are looked for in pretraining text."""
        return []

    @property
    def shown(self) -> list[Shown]:
        """The same as a report shows them, for those figures whose rows are single examples."""
        return []

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What must be known of the data to judge a figure: numbers, shares, short texts by name.

        A number is a count, a fraction a share.
        """
        return {}


@dataclass(frozen=True, kw_only=True)
class Probe(Named, ABC):
    """The configuration of a probe.

    Attributes:
        name: in tables.
    """

    name: str

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The figures that it gives."""
        return ()

    @property
    def main_metric(self) -> str:
        """The figure that is primary where none was declared."""
        return self.metrics[0].name if self.metrics else ""

    def open(self, *, hub_dir: Path | None, cache_dir: Path) -> Callable[[Corpus], Task]:
        """Read and check what needs no corpus, before one is built.

        Returns:
            What makes the task, once the corpus is there.

        Raises:
            ValueError: as of `load`.
        """
        return partial(self.load, hub_dir=hub_dir, cache_dir=cache_dir)

    @abstractmethod
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Read and check the data.

        Args:
            corpus: which supplies them, or whose tokenizer reads them.
            hub_dir: a folder that takes the hub's place.
            cache_dir: for conversions of its files.

        Raises:
            NotApplicableError: the corpus has no such data.
            ValueError: the user's data are missing or unusable; the message says what to do.
        """


PROBES: Kind[Probe] = Kind("probe", Probe, "runners.probes", "compare.probes")
