"""Tagging: a linear layer on the vector of each word, frozen or fine-tuned.

Parts of speech, entities: the user's own tagged sentences, or a hub data set, through
`probe=tagging`.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from itertools import chain
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from typing_extensions import override

from models.initialization import seed_of
from results.facts import CUT_FOR_MODELS, SENTENCES_ALSO_TRAINING, TAGS_UNSEEN, TEST_SENTENCES
from results.record import SHUFFLED, Metric
from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.measures.finetune import FinetuneConfig, Lesson, learn
from runners.measures.finish import FinishConfig
from runners.measures.linear import fit_linear_to_best, share_right
from runners.measures.measurement import Measurement, example_rows, mean_of, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.readouts import Choice, States, readouts
from runners.measures.text_model import TextModel
from runners.measures.word_lesson import WordClasses
from runners.probes.base import Task, share_cut, shuffled, without_zeros
from runners.probes.entities import OUTSIDE, entities
from runners.probes.row import Row
from runners.probes.scores import check_modes
from runners.probes.shown import Shown
from runners.probes.tables import TableProbe
from runners.probes.tagged import Tagged

MODES = {"frozen": "frozen", "finetuned": "fine-tuned"}
"""How a model is read, and what that is called."""

METRICS: dict[str, tuple[str, Literal["share", "ratio"]]] = {
    "accuracy": ("accuracy", "share"),
    "entity_f1": ("entity F1", "ratio"),
}
"""Title and estimator. Accuracy is over words; entity F1 over whole entities of all sentences
together (CoNLL 2003)."""

RECIPE = FinetuneConfig(learning_rates=(5e-4, 1e-3, 2e-3))


def metric_of(metric: str, mode: str) -> Metric:
    """The figure of a mode."""
    title, estimator = METRICS[metric]
    return Metric(f"{metric}_{mode}", f"{title}, {MODES[mode]}", estimator=estimator)


CHOSEN_ON = 4_000
"""The first training words, on some of which layer and regularization are chosen."""


class TaggingTask(Task):
    """Tags of the words of test sentences.

    Args:
        train, test: the sentences.
        metric: a key of METRICS.
        modes: of reading a model, some of MODES.
        recipe: of fine-tuning.
        known: facts of how the examples were found.
    """

    def __init__(
        self,
        train: Tagged,
        test: Tagged,
        metric: str,
        *,
        modes: Sequence[str] = ("frozen",),
        recipe: FinetuneConfig = RECIPE,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self._train, self.test = train, ReadOnce(test)
        self._metric_name, self._recipe = metric, recipe
        self._modes = [mode for mode in MODES if mode in modes]
        self._metrics = [metric_of(metric, mode) for mode in self._modes]
        self._known = dict(known or {})
        self._tags = sorted(set(chain(*train.tags)))
        place = {tag: index for index, tag in enumerate(self._tags)}
        self._targets = np.array([place[tag] for tag in chain(*train.tags)])

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """The figure by mode; of a word past the longest row the commonest tag is said."""
        found = []
        for metric, mode in zip(self._metrics, self._modes, strict=True):
            if mode == "frozen":
                found.append(self._frozen(model, metric))
            else:
                found.append(self._finetuned(model, metric, seed=seed))
        return found

    def _frozen(self, model: TextModel, metric: Metric) -> Measurement:
        """A linear layer on words' vectors."""
        states, is_read = model.word_states(self._train.words)
        reason = not_numbers("vectors", states.by_text)
        if reason:
            return Measurement(metric, None, note=reason)
        choice, classifier = self._fitted(states[is_read], is_read)
        test_states, test_read = model.word_states(self.test.read(metric.name).words)
        reason = not_numbers("vectors", test_states.by_text)
        if reason:
            return Measurement(metric, None, note=reason)
        predicted = np.full(len(test_read), np.bincount(self._targets).argmax())
        predicted[test_read] = classifier.predict(choice.readout(test_states)[test_read])
        unread = int((~test_read).sum())
        note = str(choice.readout) + (f", {unread} words past the row's end" if unread else "")
        return replace(self._measured(metric, predicted), note=note, options=choice.options)

    def _finetuned(self, model: TextModel, metric: Metric, *, seed: int) -> Measurement:
        lesson = self._lesson
        learned = learn(model, lesson, self._recipe, seed_of("finetune", seed))
        if learned is None:
            return Measurement(metric, None, note="fine-tuning diverged")
        predicted = lesson.predict(learned.student, self.test.read(metric.name).words)
        if predicted is None:
            return Measurement(metric, None, note="fine-tuning diverged")
        return replace(self._measured(metric, predicted), note=learned.note)

    @override
    def lesson(self, finish: FinishConfig) -> Lesson:
        """The tags of words."""
        return self._lesson

    @property
    @override
    def after_finish(self) -> Task:
        """Frozen vectors."""
        return TaggingTask(
            self._train, self.test.known, self._metric_name, recipe=self._recipe, known=self._known
        )

    @property
    def _lesson(self) -> WordClasses:
        return WordClasses(self._train.words, self._targets, self._value)

    def _fitted(self, states: States, is_read: np.ndarray) -> tuple[Choice, Any]:
        """The layer, and a linear layer on it, from training words."""
        lengths = [len(words) for words in self._train.words]
        groups = np.repeat([str(i) for i in range(len(lengths))], lengths)[is_read].tolist()
        targets, some = self._targets[is_read], slice(CHOSEN_ON)
        offered = list(readouts(states, centred=False))
        found = fit_linear_to_best(
            [partial(readout, states[some]) for readout in offered],
            targets[some],
            groups[some],
            score=self._value,
        )
        choice = Choice.of(offered, found.place, found.scores)
        return choice, clone(found.classifier).fit(choice.readout(states), targets)

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """The commonest tag of all, and that of each word, as it is written; of shuffled tags."""
        words, tags = list(chain(*self._train.words)), list(chain(*self._train.tags))
        commonest = Counter(tags).most_common(1)[0][0]
        anyhow = shuffled(np.array(tags)).tolist()
        test = list(chain(*self.test.known.words))
        of_words: dict[str, dict[str, str]] = {
            "majority tag": {},
            "commonest tag of the word": _commonest_of_words(words, tags),
            SHUFFLED: _commonest_of_words(words, anyhow),
        }
        said = {
            name: [of_word.get(word, commonest) for word in test]
            for name, of_word in of_words.items()
        }
        return {
            name: [self._measure(metric, each) for metric in self._metrics]
            for name, each in said.items()
        }

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return [(" ".join(words),) for words in self.test.known.words]

    @property
    @override
    def shown(self) -> list[Shown]:
        """Words; where entities are counted, sentences."""
        names = [metric.name for metric in self._metrics]
        if self._metric_name == "accuracy":
            return [self.test.known.shown_words(names, self._tags)]
        return [self.test.known.shown_sentences(names)]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        tested = self.test.known
        words = set(chain(*self._train.words))
        test = list(chain(*tested.words))
        known = set(self._train.words)
        return without_zeros(
            {
                "tags": len(self._tags),
                "training sentences": len(self._train.words),
                TEST_SENTENCES: len(tested.words),
                "test words": len(test),
                "test words that training sentences lack": sum(w not in words for w in test)
                / len(test),
                SENTENCES_ALSO_TRAINING: sum(
                    sentence in known for sentence in self.test.known.words
                ),
                TAGS_UNSEEN: len(set(chain(*self.test.known.tags)) - set(self._tags)),
                **self._known,
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        return name_of([asdict(self._train), asdict(self.test.known)], length=64)

    def _value(self, truth: np.ndarray, predicted: np.ndarray) -> float:
        """What layer and regularization are chosen by; of entities F1 over their words."""
        if self._metric_name == "accuracy" or OUTSIDE not in self._tags:
            return share_right(truth, predicted)
        outside = self._tags.index(OUTSIDE)
        right = ((truth == predicted) & (truth != outside)).sum()
        wholes = (truth != outside).sum() + (predicted != outside).sum()
        return float(2 * right / max(wholes, 1))

    def _measured(self, metric: Metric, predicted: np.ndarray) -> Measurement:
        """From the places of all test words' tags."""
        return self._measure(metric, [self._tags[tag] for tag in predicted])

    def _measure(self, metric: Metric, predicted: Sequence[str]) -> Measurement:
        """From the tags of all test words, one after the other."""
        sentences, true = [" ".join(words) for words in self.test.known.words], self.test.known.tags
        lengths = [len(tags) for tags in true]
        if metric.estimator == "share":
            right = [p == t for p, t in zip(predicted, chain(*true), strict=True)]
            return mean_of(metric, np.array(right), np.repeat(sentences, lengths))
        ends = np.cumsum(lengths).tolist()
        parts = [predicted[end - n : end] for n, end in zip(lengths, ends, strict=True)]
        both = [(set(entities(p)), set(entities(t))) for p, t in zip(parts, true, strict=True)]
        right_twice = np.array([2.0 * len(found & known) for found, known in both])
        wholes = np.array([float(len(found) + len(known)) for found, known in both])
        if not wholes.sum():
            return Measurement(metric, 0.0)
        # F1 is 2 right / (found + known), summed over sentences.
        rows = example_rows(right_twice, sentences, targets=wholes)
        return Measurement(metric, float(right_twice.sum() / wholes.sum()), examples=rows)


def _commonest_of_words(words: Sequence[str], tags: Sequence[str]) -> dict[str, str]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for word, tag in zip(words, tags, strict=True):
        counts[word][tag] += 1
    return {word: count.most_common(1)[0][0] for word, count in counts.items()}


@dataclass(frozen=True, kw_only=True)
class TaggingProbe(TableProbe):
    """Tagged sentences of the user's, or of a hub data set.

    Attributes:
        words_column, tags_column: of the table; lists, or texts with spaces between.
        metric: `accuracy` or `entity_f1`, which asks for tags such as O, B-person and I-person.
        modes: `frozen` fits a linear layer on words' vectors, `finetuned` trains all weights.
        finetune: the recipe; examples are sentences.
    """

    words_column: str = "tokens"
    tags_column: str = "tags"
    metric: str = "accuracy"
    modes: tuple[str, ...] = ("frozen", "finetuned")
    finetune: FinetuneConfig = RECIPE
    max_train: int = 1_000
    max_test: int = 1_000

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metric not in METRICS:
            raise ValueError(f"metric is {self.metric!r}; choose from {', '.join(METRICS)}")
        check_modes(self.modes, MODES)

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(metric_of(self.metric, mode) for mode in MODES if mode in self.modes)

    @property
    @override
    def text_columns(self) -> tuple[str, ...]:
        return ()

    @property
    @override
    def list_columns(self) -> tuple[str, ...]:
        return (self.words_column, self.tags_column)

    @property
    @override
    def value_column(self) -> None:
        return None

    @override
    def check(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        """As many tags as words, two tags to learn, and those of entities as they should be."""
        for row in (*train, *test):
            row.check_lists(self.list_columns)
        if max(len(row.lists[0]) for row in (*train, *test)) < 2:
            raise ValueError(
                f"no sentence of {self.path} has two words; {train[0].place} has "
                f"{train[0].lists[0][0]!r}. Words are parted by spaces, or are items of a list"
            )
        known = {tag for row in train for tag in row.lists[1]}
        if len(known) < 2:
            raise ValueError(
                f"{self.path} leaves {len(train)} training sentences with {len(known)} tag(s) in "
                f"column {self.tags_column!r}; tagging needs at least 2"
            )
        wrong = sorted(tag for tag in known if tag != OUTSIDE and tag[:2] not in ("B-", "I-"))
        if self.metric == "entity_f1" and wrong:
            raise ValueError(
                f"column {self.tags_column!r} of {self.path} holds the tag {wrong[0]!r}; entity_f1 "
                "asks for O, B-KIND and I-KIND, metric=accuracy for none"
            )

    @override
    def task(
        self, train: Sequence[Row], test: Sequence[Row], corpus: Corpus, known: Mapping[str, Any]
    ) -> Task:
        train_side, test_side = (
            Tagged([row.lists[0] for row in rows], [row.lists[1] for row in rows])
            for rows in (train, test)
        )
        sentences = [" ".join(words) for side in (train_side, test_side) for words in side.words]
        cut = without_zeros({CUT_FOR_MODELS: share_cut(sentences, corpus.seen)})
        return TaggingTask(
            train_side,
            test_side,
            self.metric,
            modes=self.modes,
            recipe=self.finetune,
            known={**known, **cut},
        )
