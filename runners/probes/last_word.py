"""The last word: does a model go on as a text does? LAMBADA, and the user's own texts.

Through `probe=last_word`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from typing_extensions import override

from results.facts import CUT_FOR_MODELS
from results.record import SHUFFLED, Metric
from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.measures.measurement import Measurement, example_rows, mean_of, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.text_model import TextModel
from runners.probes.base import Seen, Task, share_cut, shuffled, without_zeros
from runners.probes.ngrams import ngrams
from runners.probes.row import Row
from runners.probes.sentences import training_text
from runners.probes.shown import Shown, ending
from runners.probes.tables import UntrainedTableProbe

ACCURACY = Metric("accuracy", "accuracy")
LOG_P = Metric("log_p", "log p of the word", unit="nats a word", estimator="ratio")


class LastWordTask(Task):
    """The last word of every text (Paperno et al. 2016).

    Args:
        texts: with the word, two words at least.
        training: what the n-gram model may read.
        seen: what models read of a text.
        known: facts of how the texts were found.
    """

    def __init__(
        self,
        texts: list[str],
        training: Sequence[str],
        *,
        seen: Seen = list,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.test, self._training = ReadOnce([text.strip() for text in texts]), tuple(training)
        self._seen, self._known = seen, dict(known or {})

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """How often the word is what the model would write, and the mean of its log p."""
        texts = self.test.read()
        beginnings, words = _parted(texts)
        found = model.endings(beginnings, [f" {word}" for word in words])
        if found is None:
            reason = "no token likelihood"
            return [Measurement(metric, None, note=reason) for metric in (ACCURACY, LOG_P)]
        right, totals = found
        reason = not_numbers("log-likelihoods", totals)
        if reason:
            return [Measurement(metric, None, note=reason) for metric in (ACCURACY, LOG_P)]
        rows = example_rows(totals, texts)
        measured = [
            mean_of(ACCURACY, right, texts),
            Measurement(LOG_P, float(totals.mean()), examples=rows),
        ]
        return [replace(each, note=model.likelihood) for each in measured]

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """Of the text's own words the one that word trigrams find likeliest in that place."""
        model = ngrams(self._training, 3)
        texts = self.test.known
        beginnings, answers = _parted(texts)
        told = []
        for begun in beginnings:
            words = begun.split()
            options = list(dict.fromkeys(words))
            scores = model.log_probabilities([" ".join([*words[-2:], each]) for each in options])
            told.append(options[int(np.argmax(scores))])
        true = np.array(answers)
        return {
            "word trigrams, of the text's words": [
                mean_of(ACCURACY, np.array(told) == true, texts)
            ],
            SHUFFLED: [mean_of(ACCURACY, np.array(told) == shuffled(true), texts)],
        }

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return [(text,) for text in self.test.known]

    @property
    @override
    def shown(self) -> list[Shown]:
        parts = zip(*_parted(self.test.known), strict=True)
        return [
            Shown(
                metrics=[ACCURACY.name, LOG_P.name],
                header=("how the text goes", "its last word"),
                texts=[(ending(begun), word) for begun, word in parts],
            )
        ]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        texts = self.test.known
        inside = [word in begun.split() for begun, word in zip(*_parted(texts), strict=True)]
        return without_zeros(
            {
                "texts": len(texts),
                "texts whose last word stands in them before": float(np.mean(inside)),
                **self._known,
                CUT_FOR_MODELS: share_cut(texts, self._seen),
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        return name_of([self.test.known, list(self._training)], length=64)


def _parted(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """What the texts begin with, and their last words."""
    parts = [text.rsplit(maxsplit=1) for text in texts]
    return [begun for begun, _ in parts], [word for _, word in parts]


@dataclass(frozen=True, kw_only=True)
class LastWordProbe(UntrainedTableProbe):
    """The last word of the user's texts, or of a hub data set such as LAMBADA.

    Attributes:
        text_column: the texts, each with its last word.
    """

    text_column: str = "text"

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return (ACCURACY, LOG_P)

    @property
    @override
    def text_columns(self) -> tuple[str, ...]:
        return (self.text_column,)

    @property
    @override
    def value_column(self) -> None:
        return None

    @override
    def check(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        """Each text has a last word and something before it."""
        for row in test:
            if len(row.texts[0].split()) < 2:
                raise ValueError(
                    f"{row.place} holds {row.texts[0].strip()!r} in column {self.text_column!r}: "
                    "a text with a last word to foretell has two words at least"
                )

    @override
    def task(
        self, train: Sequence[Row], test: Sequence[Row], corpus: Corpus, known: Mapping[str, Any]
    ) -> Task:
        texts = [row.texts[0] for row in test]
        return LastWordTask(texts, training_text(corpus), seen=corpus.seen, known=known)
