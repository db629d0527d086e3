"""Search: rank documents for queries by the cosine of frozen vectors, against judgements.

The user's own, or a hub data set, through `probe=search`. (`retrieval` is made from the corpus.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics import ndcg_score
from typing_extensions import override

from results.facts import CUT
from results.record import SHUFFLED, Metric
from runners.corpora.cells import number_of
from runners.corpora.corpus import MIN_GROUPS, Corpus
from runners.corpora.tables import read_table
from runners.identity import name_of
from runners.measures.finetune import Lesson
from runners.measures.finish import FinishConfig, Pairs
from runners.measures.measurement import Measurement, mean_of, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.readouts import Choice, Readout, States, best_readout, unchosen
from runners.measures.text_model import TextModel
from runners.probes.base import Seen, Task, share_cut, shuffled, without_zeros
from runners.probes.classification import WORDS
from runners.probes.overlap import normalized_text
from runners.probes.retrieval import normalized
from runners.probes.row import Row
from runners.probes.shown import Shown
from runners.probes.tables import TableProbe

DEPTH = 10
"""Places of a ranking that nDCG and recall look at."""

METRICS = (
    Metric(f"ndcg_at_{DEPTH}", f"nDCG@{DEPTH}"),
    Metric("mrr", "MRR"),
    Metric(f"recall_at_{DEPTH}", f"recall@{DEPTH}"),
)

FEWEST = 20
"""Queries on which a layer can be chosen; of fewer, the last is read."""

K1, B = 1.2, 0.75
"""Of BM25, as Lucene has them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries, and what of a collection is relevant to each.

    Attributes:
        queries: distinct.
        relevant: of each query, gains above 0 by the place of the document.
    """

    queries: list[str]
    relevant: list[dict[int, float]]


class SearchTask(Task):
    """Rankings of one collection.

    Args:
        documents: the collection.
        test: the queries that are scored.
        validation: others, on which each model's layer is chosen.
        seen: what models read of a text.
        known: facts of how the examples were found.
    """

    def __init__(
        self,
        documents: list[str],
        test: Judged,
        validation: Judged,
        *,
        seen: Seen = list,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self._documents, self.test, self._validation = documents, ReadOnce(test), validation
        self._seen, self._known = seen, dict(known or {})

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """nDCG, reciprocal rank and recall."""
        documents = model.states(self._documents)
        choice = self._choice(model, documents)
        queries = model.states(self.test.read().queries)
        readout = choice.readout
        vectors = readout(queries), readout(documents)
        reason = not_numbers("vectors", np.concatenate(vectors))
        if reason:
            return [Measurement(metric, None, note=reason) for metric in METRICS]
        found = self._measure(_cosines(*vectors))
        return [replace(each, note=str(readout), options=choice.options) for each in found]

    def _choice(self, model: TextModel, documents: States) -> Choice:
        """The readout with the highest nDCG on the validation queries."""
        if len(self._validation.queries) < FEWEST:
            return unchosen(documents)
        queries = model.states(self._validation.queries)

        def score(readout: Readout) -> float:
            scores = _cosines(readout(queries), readout(documents))
            if not np.isfinite(scores).all():
                return 0.0
            return float(np.mean(_ndcg(scores, self._validation.relevant)))

        return best_readout(documents, score)

    @override
    def lesson(self, finish: FinishConfig) -> Lesson | None:
        """Pairs of a query that is not tested on and a document that is relevant to it."""
        pairs = [
            (query, self._documents[place])
            for query, gains in zip(
                self._validation.queries, self._validation.relevant, strict=True
            )
            for place in gains
        ]
        if len(self._validation.queries) < FEWEST:
            return None
        first, second = map(list, zip(*pairs, strict=True))
        return Pairs(first, second, finish.temperature)

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """The cosine of TF-IDF vectors, and BM25 (Robertson and Zaragoza 2009), of words."""
        queries, documents = self._seen(self.test.known.queries), self._seen(self._documents)
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS).fit(documents)
        products = words.transform(queries) @ words.transform(documents).T
        return {
            "TF-IDF": self._measure(products.toarray()),
            "BM25": self._measure(bm25(queries, documents)),
            SHUFFLED: self._measure(shuffled(products.toarray())),
        }

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return [
            (query, *(self._documents[place] for place in gains))
            for query, gains in zip(self.test.known.queries, self.test.known.relevant, strict=True)
        ]

    @property
    @override
    def shown(self) -> list[Shown]:
        """With that relevant document that has the highest gain."""
        test = self.test.known
        best = [max(gains, key=lambda place: gains[place]) for gains in test.relevant]
        return [
            Shown(
                metrics=[metric.name for metric in METRICS],
                header=("query", "a relevant document"),
                texts=[(q, self._documents[i]) for q, i in zip(test.queries, best, strict=True)],
            )
        ]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        texts = [*self.test.known.queries, *self._documents]
        return without_zeros(
            {
                "queries": len(self.test.known.queries),
                "queries on which the layer is chosen": len(self._validation.queries),
                "documents": len(self._documents),
                "relevant documents": sum(map(len, self.test.known.relevant)),
                **self._known,
                CUT: share_cut(texts, self._seen),
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        sides = [
            [side.queries, [sorted(gains.items()) for gains in side.relevant]]
            for side in (self.test.known, self._validation)
        ]
        return name_of([self._documents, *sides], length=64)

    def _measure(self, scores: np.ndarray) -> list[Measurement]:
        """From (queries, documents) scores; equal scores share their places evenly."""
        relevant, groups = self.test.known.relevant, self.test.known.queries
        ranks = [_ranks(row, list(gains)) for row, gains in zip(scores, relevant, strict=True)]
        first = np.array([1 / own.min() for own in ranks])
        recall = np.array([(own <= DEPTH).mean() for own in ranks])
        values = (_ndcg(scores, relevant), first, recall)
        return [mean_of(metric, each, groups) for metric, each in zip(METRICS, values, strict=True)]


def bm25(queries: Sequence[str], documents: Sequence[str]) -> np.ndarray:
    """(queries, documents) scores: the sum over a query's words of idf times a saturating count."""
    words = CountVectorizer(token_pattern=WORDS).fit(documents)
    counts = csr_matrix(words.transform(documents), dtype=np.float64)  # (D, V)
    lengths = np.asarray(counts.sum(1)).ravel()
    holding = np.bincount(counts.indices, minlength=counts.shape[1])  # documents with each word
    idf = np.log1p((len(documents) - holding + 0.5) / (holding + 0.5))
    rows = np.repeat(np.arange(len(documents)), np.diff(counts.indptr))
    norms = K1 * (1 - B + B * lengths / max(lengths.mean(), 1e-12))
    counts.data *= (K1 + 1) / (counts.data + norms[rows]) * idf[counts.indices]
    scores: np.ndarray = (words.transform(queries) @ counts.T).toarray()
    return scores


def _cosines(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    products: np.ndarray = normalized(queries) @ normalized(documents).T
    return products


def _ranks(scores: np.ndarray, places: list[int]) -> np.ndarray:
    """(places,) ranks from 1; a tie counts as half a place."""
    own = scores[places][:, None]
    above, same = (scores > own).sum(1), (scores == own).sum(1) - 1
    ranks: np.ndarray = 1 + above + same / 2
    return ranks


def _ndcg(scores: np.ndarray, relevant: Sequence[Mapping[int, float]]) -> np.ndarray:
    """(queries,) discounted gain of the first DEPTH places, as a share of the best there is."""
    values = []
    for row, gains in zip(scores, relevant, strict=True):
        truth = np.zeros(len(row))
        truth[list(gains)] = list(gains.values())
        values.append(float(ndcg_score(truth[None], row[None], k=DEPTH)))
    return np.array(values)


@dataclass(frozen=True, kw_only=True)
class SearchProbe(TableProbe):
    """Judgements of the user's, or of a hub data set: a row for each query and relevant document.

    Every document of the table is a candidate for every query.

    Attributes:
        query_column, document_column: the texts.
        score_column: a gain, 0 for a document that is not relevant; without, each is 1.
        documents_path: a further table of candidates, with `document_column`.
        test_share: of the queries; on the rest each model's layer is chosen.
    """

    query_column: str = "query"
    document_column: str = "document"
    score_column: str | None = None
    documents_path: str | None = None
    test_share: float = 0.8
    max_train: int = 2_000

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return METRICS

    @property
    @override
    def text_columns(self) -> tuple[str, ...]:
        return (self.query_column, self.document_column)

    @property
    @override
    def value_column(self) -> str | None:
        return self.score_column

    @override
    def _chosen(self, sides: list[list[Row]], missing: int) -> tuple[list[Row], list[Row]]:
        """With every judgement of a query, or none."""
        chosen = super()._chosen(sides, missing)
        for rows, whole in zip(chosen, sides, strict=True):
            last = rows[-1].digest if rows and len(rows) < len(whole) else b""
            rows[:] = [row for row in rows if row.digest != last] or rows
        return chosen

    @override
    def check(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        """Gains are numbers, some query has a relevant document and another that is not its own."""
        answered = {row.texts[0] for row in test if self._gain(row) > 0}
        if not answered:
            raise ValueError(f"no document of {self.path} is relevant to a query to test on")
        if len(answered) < MIN_GROUPS:
            raise ValueError(
                f"{self.path} leaves {len(answered)} queries with a relevant document to test on; "
                f"{MIN_GROUPS} are needed: give more queries, or raise test_share"
            )
        if len({normalized_text(row.texts[1]) for row in (*train, *test)}) < 2:
            raise ValueError(f"all documents of {self.path} are the same: there is nothing to rank")
        for row in train:
            self._gain(row)
        self._further()

    @override
    def task(
        self, train: Sequence[Row], test: Sequence[Row], corpus: Corpus, known: Mapping[str, Any]
    ) -> Task:
        place: dict[str, int] = {}
        documents: list[str] = []
        for text in (*(row.texts[1] for row in (*test, *train)), *self._further()):
            if place.setdefault(normalized_text(text), len(documents)) == len(documents):
                documents.append(text)
        judged, validation = (self._judged(rows, place) for rows in (test, train))
        unanswered = len({row.texts[0] for row in test}) - len(judged.queries)
        known = {**known, "queries without a relevant document, left out": unanswered}
        return SearchTask(documents, judged, validation, seen=corpus.seen, known=known)

    def _judged(self, rows: Sequence[Row], place: Mapping[str, int]) -> Judged:
        gains: dict[str, dict[int, float]] = {}
        for row in rows:
            if self._gain(row) > 0:
                own = gains.setdefault(row.texts[0], {})
                own[place[normalized_text(row.texts[1])]] = self._gain(row)
        return Judged(list(gains), list(gains.values()))

    def _further(self) -> list[str]:
        """The documents of `documents_path`."""
        if self.documents_path is None:
            return []
        file, column = self._file(self.documents_path, "documents_path", None), self.document_column
        if file is None:
            raise ValueError(f"documents_path is {self.documents_path}, which is no file")
        rows = read_table(file, [column], texts=[column])
        return [text for row in rows if (text := row[column]).strip()]

    def _gain(self, row: Row) -> float:
        if row.value is None:
            return 1.0
        gain = number_of(row.value)
        if not gain >= 0:
            raise ValueError(
                f"column {self.score_column!r} of {self.path} must hold numbers from 0 up, and "
                f"{row.place} holds {row.value!r}"
            )
        return gain
