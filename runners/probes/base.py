"""What a probe is: data that is loaded once, and a measurement of every model on it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.registry import Kind, Named
from runners.corpora.corpus import Corpus
from runners.pretrained import Pretrained

Seen = Callable[[Sequence[str]], list[str]]
"""Texts to the parts of them that a model reads (`Corpus.seen`)."""

CUT = "texts longer than a row, cut for models and simple methods alike"
"""Of a task's facts: the share of such texts."""


class NotApplicableError(ValueError):
    """A probe that the corpus supplies does not exist for this corpus; the message says why."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure of one model, with what it rests on.

    Attributes:
        metric: such as `mrr`.
        value: None where the model cannot be measured.
        note: why there is no value.
        examples: columns example, group and value, and where they weigh unlike or are correlated
            with something also target; groups are the independent units. None where there is no
            value.
        exhibits: examples for the eye, JSON-like; pictures are PNG in base64.
        estimator: how the figure follows from its rows: `share` (scores in [0, 1]: the sum of
            value over the sum of target, which is 1 unless given), `ratio` (the same without
            bounds) or `spearman` (the correlation of value with target).
    """

    metric: str
    value: float | None
    note: str = ""
    examples: pd.DataFrame | None = None
    exhibits: tuple[Mapping[str, Any], ...] = ()
    estimator: str = "ratio"


def mean_of(
    metric: str,
    values: np.ndarray,
    groups: Sequence[str] | np.ndarray,
    weights: np.ndarray | None = None,
) -> Measurement:
    """The (weighted) mean of scores in [0, 1] over test examples, with its rows."""
    if weights is None:
        rows = example_rows(values, groups)
        return Measurement(metric, float(np.mean(values)), examples=rows, estimator="share")
    rows = example_rows(values * weights, groups, targets=weights)
    mean = float((values * weights).sum() / weights.sum())
    return Measurement(metric, mean, examples=rows, estimator="share")


def not_numbers(what: str, values: np.ndarray) -> str:
    """Why a model cannot be measured, where its answers are no finite numbers, or "".

    Args:
        what: they are, such as `vectors`.
        values: (N, ...), one answer a text.
    """
    finite = np.isfinite(values).reshape(len(values), -1).all(1)
    return "" if finite.all() else f"{(~finite).sum()} of {len(values)} {what} are no numbers"


def share_cut(texts: Sequence[str], seen: Seen) -> float:
    """Share of the texts of which a model reads only a part."""
    cut = sum(whole != read for whole, read in zip(texts, seen(texts), strict=True))
    return cut / max(len(texts), 1)


def without_zeros(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are worth a word."""
    return {what: value for what, value in facts.items() if value}


def example_rows(
    values: np.ndarray, groups: Sequence[str] | np.ndarray, targets: np.ndarray | None = None
) -> pd.DataFrame:
    """One row a test example, in the order of the test set."""
    rows = pd.DataFrame(
        {"example": np.arange(len(values)), "group": list(groups), "value": values.astype(float)}
    )
    return rows if targets is None else rows.assign(target=targets.astype(float))


class Task(ABC):
    """A loaded probe."""

    @abstractmethod
    def evaluate(self, model: Pretrained, *, seed: int) -> list[Measurement]:
        """Measure a model; whatever is drawn follows from `seed`."""

    @abstractmethod
    def baselines(self) -> dict[str, list[Measurement]]:
        """What needs no model: chance and simple methods on words, by name."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the data, so that other data never passes for this."""

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
    def metrics(self) -> tuple[str, ...]:
        """The figures that it gives."""
        return ()

    @property
    def main_metric(self) -> str:
        """The figure that is primary where none was declared."""
        return self.metrics[0] if self.metrics else ""

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
