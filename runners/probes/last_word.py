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
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.measures.measurement import Measurement, example_rows, mean_of, not_numbers
from runners.measures.text_model import TextModel
from runners.probes.base import Seen, Task, share_cut, without_zeros
from runners.probes.ngrams import ngrams
from runners.probes.row import Row
from runners.probes.sentences import training_text
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
        self._texts, self._training = [text.strip() for text in texts], tuple(training)
        self._seen, self._known = seen, dict(known or {})
        parts = [text.rsplit(maxsplit=1) for text in self._texts]
        self._beginnings, self._words = [begun for begun, _ in parts], [word for _, word in parts]

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """How often the word is what the model would write, and the mean of its log p."""
        found = model.endings(self._beginnings, [f" {word}" for word in self._words])
        if found is None:
            reason = "no token likelihood"
            return [Measurement(metric, None, note=reason) for metric in (ACCURACY, LOG_P)]
        right, totals = found
        reason = not_numbers("log-likelihoods", totals)
        if reason:
            return [Measurement(metric, None, note=reason) for metric in (ACCURACY, LOG_P)]
        rows = example_rows(totals, self._texts)
        measured = [
            mean_of(ACCURACY, right, self._texts),
            Measurement(LOG_P, float(totals.mean()), examples=rows),
        ]
        return [replace(each, note=model.likelihood) for each in measured]

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """Of the text's own words the one that word trigrams find likeliest in that place."""
        model = ngrams(self._training, 3)
        right = []
        for begun, word in zip(self._beginnings, self._words, strict=True):
            words = begun.split()
            options = list(dict.fromkeys(words))
            scores = model.log_probabilities([" ".join([*words[-2:], each]) for each in options])
            right.append(options[int(np.argmax(scores))] == word)
        return {
            "word trigrams, of the text's words": [mean_of(ACCURACY, np.array(right), self._texts)]
        }

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return [(text,) for text in self._texts]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        inside = [w in b.split() for b, w in zip(self._beginnings, self._words, strict=True)]
        return without_zeros(
            {
                "texts": len(self._texts),
                "texts whose last word stands in them before": float(np.mean(inside)),
                **self._known,
                CUT_FOR_MODELS: share_cut(self._texts, self._seen),
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        return name_of([self._texts, list(self._training)], length=64)


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
