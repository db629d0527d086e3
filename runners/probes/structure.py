"""The structural probe (Hewitt & Manning 2019): are syntax trees in the geometry of word vectors?

The user's own parsed sentences, or a hub data set, through `probe=structure`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from typing_extensions import override

from models.initialization import seed_of
from results.facts import SENTENCES_ALSO_TRAINING, TEST_SENTENCES
from results.record import SHUFFLED, Metric
from runners.corpora.corpus import MIN_GROUPS, Corpus
from runners.identity import name_of
from runners.measures.measurement import Measurement, mean_of, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.readouts import Choice, readouts
from runners.measures.structural import StructuralMap, fit_structural_to_best
from runners.measures.text_model import TextModel
from runners.probes.base import Task, without_zeros
from runners.probes.row import Row
from runners.probes.shown import Shown
from runners.probes.tables import TableProbe
from runners.probes.trees import (
    LONGEST,
    PUNCTUATION,
    SHORTEST,
    Parsed,
    Tree,
    root_of,
    scores,
    tree_distances,
    what_is_wrong,
)

DISTANCE = Metric("distance_spearman", "Spearman of distances", estimator="ratio")
UUAS = Metric("uuas", "UUAS")
DEPTH = Metric("depth_spearman", "Spearman of depths", estimator="ratio", chance=0.0)
ROOT = Metric("root_accuracy", "root accuracy")
METRICS = (DISTANCE, UUAS, DEPTH, ROOT)
"""The paper's DSpr., UUAS, NSpr. and root accuracy."""

WORDS, PLACES = 256, 64
"""Commonest words, and places in a sentence, that the simple method knows; other words are one."""


class StructureTask(Task):
    """Trees of test sentences.

    Args:
        train, test: the sentences.
        known: facts of how the examples were found.
    """

    def __init__(
        self, train: Parsed, test: Parsed, *, known: Mapping[str, Any] | None = None
    ) -> None:
        self._train, self.test, self._known = train, ReadOnce(test), dict(known or {})

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """A map for distances and one for depths, each of the layer that suits it."""
        states, is_read = model.word_states(self._train.words)
        reason = not_numbers("vectors", states.by_text)
        if reason:
            return [Measurement(metric, None, note=reason) for metric in METRICS]
        offered = list(readouts(states, centred=False))
        # They begin with the last layer, states end with it.
        maps = self._fitted(states.values[0, ::-1], is_read, self._trees, seed_of("tree", seed))
        test_states, test_read = model.word_states(self.test.read().words)
        reason = not_numbers("vectors", test_states.by_text)
        if reason:
            return [Measurement(metric, None, note=reason) for metric in METRICS]
        unread = int((~test_read).sum())
        more = f", {unread} words past the row's end" if unread else ""
        found = self._measure(self._predicted(maps, test_states.values[0, ::-1], test_read))
        told = []
        for measured, each in zip(found, (maps[0], maps[0], maps[1], maps[1]), strict=True):
            choice = Choice.of(offered, each.choice, each.scores)
            note = measured.note or f"{choice.readout}{more}"
            told.append(replace(measured, note=note, options=choice.options))
        return told

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """Every word hangs on the one before it; and the maps fitted to words and their places.

        Beside them these maps fitted to trees whose words were exchanged within the sentence.
        """
        places = [np.arange(float(len(words))) for words in self.test.known.words]
        found = {"linear chain": self._measure([(np.abs(p[:, None] - p), p) for p in places])}
        commonest = Counter(chain(*self._train.words)).most_common(WORDS)
        known = {word: place for place, (word, _) in enumerate(commonest)}
        train, test = (_words_and_places(side, known) for side in (self._train, self.test.known))
        is_read, test_read = (np.ones(each.shape[1], dtype=bool) for each in (train, test))
        trees = self._trees
        for name, given in (("words and places", trees), (SHUFFLED, _shuffled(trees))):
            maps = self._fitted(train, is_read, given, 0)
            found[name] = self._measure(self._predicted(maps, test, test_read))
        return found

    @cached_property
    def _trees(self) -> list[Tree]:
        return _trees(self._train)

    @cached_property
    def _test_trees(self) -> list[Tree]:
        return _trees(self.test.known)

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return [(text,) for text in self.test.known.texts]

    @property
    @override
    def shown(self) -> list[Shown]:
        """For each figure the sentences that are long enough for it."""
        _, weights = self._scored(self._test_trees)
        return [
            Shown(
                metrics=[metric.name],
                header=("sentence",),
                texts=[self.tested[place] for place in np.flatnonzero(weight > 0)],
            )
            for metric, weight in zip(METRICS, weights, strict=True)
        ]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        known, test = set(self._train.words), self.test.known
        correlated = sum(SHORTEST <= len(words) <= LONGEST for words in self.test.known.words)
        return without_zeros(
            {
                "training sentences": len(self._train.words),
                TEST_SENTENCES: len(test.words),
                f"test sentences of {SHORTEST} to {LONGEST} words, for correlations": correlated,
                "test words": sum(map(len, self.test.known.words)),
                "test words that are punctuation, left out of UUAS and roots": sum(
                    kept.count(False) for kept in self.test.known.kept
                ),
                SENTENCES_ALSO_TRAINING: sum(sentence in known for sentence in test.words),
                **self._known,
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        return name_of([asdict(self._train), asdict(self.test.known)], length=64)

    def _fitted(
        self, choices: np.ndarray, is_read: np.ndarray, trees: Sequence[Tree], seed: int
    ) -> tuple[StructuralMap, StructuralMap]:
        """The maps for distances and for depths, from training words that a model reads.

        Args:
            choices: (C, W, D) vectors of the words.
            is_read: (W,) whether a vector stands for the word.
            trees: of the sentences.
            seed: of both.
        """
        read = _by_sentence(is_read, self._train)
        distances = [tree[here][:, here] for (tree, _), here in zip(trees, read, strict=True)]
        depths = [depth[here] for (_, depth), here in zip(trees, read, strict=True)]
        lengths = [len(each) for each in depths]
        groups, vectors = self._train.texts, choices[:, is_read]
        first, second = (
            fit_structural_to_best(vectors, lengths, targets, groups, seed=seed)
            for targets in (distances, depths)
        )
        return first, second

    def _predicted(
        self, maps: tuple[StructuralMap, StructuralMap], choices: np.ndarray, is_read: np.ndarray
    ) -> list[Tree]:
        """Of every test sentence; a word without a vector is far off, on the end of a chain.

        Args:
            maps: for distances and for depths.
            choices: (C, W, D) vectors of all test words.
            is_read: (W,) whether a vector stands for the word.
        """
        first, second = (_by_sentence(choices[each.choice], self.test.known) for each in maps)
        found = []
        for near, deep, read in zip(
            first, second, _by_sentence(is_read, self.test.known), strict=True
        ):
            distances, depths = maps[0].distances(near), maps[1].depths(deep)
            if not read.all():
                places = np.arange(float(len(read)))
                unread = ~(read[:, None] & read)
                chain_beyond = distances[~unread].max(initial=0.0) + abs(places[:, None] - places)
                distances = np.where(unread, chain_beyond, distances)
                depths = np.where(read, depths, depths[read].max(initial=0.0) + places)
            found.append((distances, depths))
        return found

    def _measure(self, predicted: Sequence[Tree]) -> list[Measurement]:
        """All figures, from predicted distances and depths of every test sentence."""
        values, weights = self._scored(predicted)
        lengths = np.array([len(words) for words in self.test.known.words])
        weights[[0, 2]] /= np.bincount(lengths)[lengths]  # every length has one voice
        texts = np.array(self.test.known.texts, dtype=object)
        found = []
        for metric, value, weight in zip(METRICS, values, weights, strict=True):
            some = weight > 0
            if some.any():
                found.append(mean_of(metric, value[some], texts[some], weight[some]))
            else:  # in a part of the sentences
                found.append(Measurement(metric, None, note="no test sentence is long enough"))
        return found

    def _scored(self, predicted: Sequence[Tree]) -> tuple[np.ndarray, np.ndarray]:
        """(figures, N) values, and weights that depend on the true trees alone."""
        scored = [
            scores(given, true, heads, np.flatnonzero(kept))
            for given, true, heads, kept in zip(
                predicted,
                self._test_trees,
                self.test.known.heads,
                self.test.known.kept,
                strict=True,
            )
        ]
        values, weights = np.array(scored).transpose(1, 2, 0)
        return values, weights


def _trees(parsed: Parsed) -> list[Tree]:
    found = [(tree_distances(heads), root_of(heads)) for heads in parsed.heads]
    return [(distances, distances[root]) for distances, root in found]


def _shuffled(trees: Sequence[Tree]) -> list[Tree]:
    """The trees with the words of each sentence exchanged at random, the same every time."""
    generator = np.random.default_rng(0)
    orders = [generator.permutation(len(depths)) for _, depths in trees]
    return [(d[order][:, order], h[order]) for (d, h), order in zip(trees, orders, strict=True)]


def _by_sentence(rows: np.ndarray, parsed: Parsed) -> list[np.ndarray]:
    """(W, ...) rows of all words as one array a sentence."""
    return np.split(rows, np.cumsum([len(words) for words in parsed.words])[:-1])


def _words_and_places(parsed: Parsed, known: Mapping[str, int]) -> np.ndarray:
    """(1, W, D) indicators of every word, if it is known, and of its place in its sentence."""
    found = np.zeros((1, sum(map(len, parsed.words)), WORDS + PLACES), dtype=np.float32)
    places = chain(*(range(len(words)) for words in parsed.words))
    for row, (word, place) in enumerate(zip(chain(*parsed.words), places, strict=True)):
        if word in known:
            found[0, row, known[word]] = 1.0
        found[0, row, WORDS + min(place, PLACES - 1)] = 1.0
    return found


@dataclass(frozen=True, kw_only=True)
class StructureProbe(TableProbe):
    """Parsed sentences of the user's, or of a hub data set.

    Attributes:
        words_column: of the table; lists, or texts with spaces between, as the others.
        heads_column: the place of the word that each word hangs on, from 1; 0 of the root.
        upos_column: parts of speech, of which PUNCT is left out of UUAS and roots; null: no word
            is.
    """

    words_column: str = "tokens"
    heads_column: str = "head"
    upos_column: str | None = None
    max_train: int = 1_000
    max_test: int = 1_000

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return METRICS

    @property
    @override
    def text_columns(self) -> tuple[str, ...]:
        return ()

    @property
    @override
    def list_columns(self) -> tuple[str, ...]:
        upos = () if self.upos_column is None else (self.upos_column,)
        return (self.words_column, self.heads_column, *upos)

    @property
    @override
    def value_column(self) -> None:
        return None

    @override
    def check(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        """A tree for every sentence, and sentences enough in which something can be told."""
        for row in (*train, *test):
            row.check_lists(self.list_columns)
            try:
                reason = what_is_wrong(_heads(row))
            except ValueError:
                reason = "heads are whole numbers, the place of the word that each word hangs on"
            if reason:
                raise ValueError(f"{row.place}, column {self.heads_column!r}: {reason}")
        told = sum(SHORTEST <= len(row.lists[0]) <= LONGEST and sum(_kept(row)) > 1 for row in test)
        if told < MIN_GROUPS:
            raise ValueError(
                f"{self.test_path or self.path} leaves {told} sentence(s) of {SHORTEST} to "
                f"{LONGEST} words to test on; {MIN_GROUPS} are needed: give more rows, or raise "
                "test_share or max_test"
            )
        taught = sum(len(row.lists[0]) > 1 for row in train)
        if taught < MIN_GROUPS:
            raise ValueError(
                f"{self.path} leaves {taught} training sentence(s) of more than one word; "
                f"{MIN_GROUPS} are needed"
            )

    @override
    def task(
        self, train: Sequence[Row], test: Sequence[Row], corpus: Corpus, known: Mapping[str, Any]
    ) -> Task:
        train_side, test_side = (
            Parsed(
                [row.lists[0] for row in rows],
                [_heads(row) for row in rows],
                [_kept(row) for row in rows],
            )
            for rows in (train, test)
        )
        return StructureTask(train_side, test_side, known=known)


def _heads(row: Row) -> tuple[int, ...]:
    return tuple(int(head) for head in row.lists[1])


def _kept(row: Row) -> tuple[bool, ...]:
    upos = row.lists[2] if len(row.lists) > 2 else ("",) * len(row.lists[0])
    return tuple(each != PUNCTUATION for each in upos)
