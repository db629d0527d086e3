"""Text classification: a linear layer on frozen vectors, and fine-tuning.

The user's own labelled file, or a hub data set, through `probe=classification`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from typing_extensions import override

from models.initialization import seed_of
from results.facts import CLASSES_UNSEEN, CUT, CUT_TOGETHER, EXAMPLES_ALSO_TRAINING, TEST_EXAMPLES
from results.record import SHUFFLED, Metric
from runners.corpora.cells import label_of
from runners.corpora.corpus import Corpus
from runners.identity import name_of
from runners.measures.finetune import FinetuneConfig, Labels, Lesson, finetune
from runners.measures.finish import FinishConfig
from runners.measures.linear import fit_linear, fit_linear_to_best, fit_neighbours_to_best
from runners.measures.measurement import Measurement, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.readouts import Choice, Readout, States, readouts
from runners.measures.text_model import TextModel
from runners.probes.base import Seen, Task, share_cut, share_cut_together, shuffled, without_zeros
from runners.probes.labelled import Labelled, joined
from runners.probes.overlap import normalized_text
from runners.probes.row import Row
from runners.probes.scores import MODES, check_modes, check_score, metric_of, metrics_of, scored
from runners.probes.shown import Shown
from runners.probes.tables import TableProbe

WORDS = r"(?u)\w+|[^\w\s]+"
"""Words, and runs of signs, so that no text is empty."""


class ClassificationTask(Task):
    """Classes of test examples, texts or pairs of texts.

    Args:
        train, test: the examples; classes are those of `train`.
        modes: of reading a model, some of MODES.
        recipe: of fine-tuning.
        score: the figure, one of SCORES.
        seen: what models read of a text.
        known: facts of how the examples were found.
    """

    def __init__(
        self,
        train: Labelled,
        test: Labelled,
        modes: Sequence[str],
        recipe: FinetuneConfig,
        *,
        score: str = "accuracy",
        seen: Seen = list,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.train, self.test = train, ReadOnce(test)
        self._modes, self._recipe = modes, recipe
        self._score, self._seen, self._known = score, seen, dict(known or {})
        # Classes that only test examples have come after those that can be predicted.
        classes = [*sorted(set(train.labels)), *sorted(set(test.labels) - set(train.labels))]
        place = {label: index for index, label in enumerate(classes)}
        self._targets = np.array([place[label] for label in train.labels])
        self._test_targets = np.array([place[label] for label in test.labels])

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """The score by mode."""
        measured = self._frozen(model)
        if "finetuned" in self._modes:
            metric = metric_of(self._score, "finetuned")
            found = finetune(
                model,
                self._labels,
                lambda: self.test.read(metric.name).passages,
                config=self._recipe,
                seed=seed_of("finetune", seed),
            )
            measured.append(
                Measurement(metric, None, note="fine-tuning diverged")
                if found is None
                else replace(self._scored(metric, found.predicted), note=found.note)
            )
        return measured

    @override
    def lesson(self, finish: FinishConfig) -> Lesson:
        """Labels."""
        return self._labels

    @property
    @override
    def after_finish(self) -> Task:
        """Frozen vectors."""
        modes = [mode for mode in self._modes if mode != "finetuned"] or ["frozen"]
        return ClassificationTask(
            self.train,
            self.test.known,
            modes,
            self._recipe,
            score=self._score,
            seen=self._seen,
            known=self._known,
        )

    @property
    def _labels(self) -> Labels:
        """The training examples, to fine-tune on."""
        return Labels(self.train.passages, self._targets, self.train.groups, self._value)

    def _frozen(self, model: TextModel) -> list[Measurement]:
        """By each mode that reads vectors; test texts are read when all is chosen and fitted."""
        metrics = {
            mode: metric_of(self._score, mode) for mode in ("frozen", "knn") if mode in self._modes
        }
        if not metrics:
            return []
        train = [model.states(side) for side in self.train.sides]
        reason = _not_numbers(train)
        if reason:
            return [Measurement(metric, None, note=reason) for metric in metrics.values()]
        fits = {mode: self._fitted(train, mode) for mode in metrics}
        read = self.test.read(*(metric.name for metric in metrics.values()))
        test = [model.states(side) for side in read.sides]
        reason = _not_numbers(test)
        if reason:
            return [Measurement(metric, None, note=reason) for metric in metrics.values()]
        found = []
        for mode, (choice, classifier) in fits.items():
            predicted = classifier.predict(joined(*map(choice.readout, test)))
            measured = self._scored(metrics[mode], predicted)
            found.append(replace(measured, note=str(choice.readout), options=choice.options))
        return found

    def _fitted(self, train: Sequence[States], mode: str) -> tuple[Choice, Any]:
        """How vectors are read, and what classifies them, from training texts."""
        fit = fit_linear_to_best if mode == "frozen" else fit_neighbours_to_best
        # A linear layer on scaled features sees no centring.
        offered = list(readouts(sum(train[1:], train[0]), centred=mode == "knn"))
        vectors = [partial(_read, readout, train) for readout in offered]
        found = fit(vectors, self._targets, self.train.groups, score=self._value)
        return Choice.of(offered, found.place, found.scores), found.classifier

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """The commonest class; and TF-IDF of words and word pairs under the same linear layer.

        Of pairs also TF-IDF of the second texts alone, which tells what labels give away; and
        the first again with the training labels in a random order.
        """
        train, test = ([self._seen(side) for side in each.sides] for each in self._both)
        constant = DummyClassifier(strategy="most_frequent").fit(train[0], self._targets)
        predicted = {"majority class": constant.predict(test[0])}
        names = ["TF-IDF"] if len(train) == 1 else ["TF-IDF", "TF-IDF, second text alone"]
        for name, sides in zip(names, ([0, 1][: len(train)], [1]), strict=False):
            words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORDS)
            words.fit([text for side in sides for text in train[side]])
            vectors, test_vectors = (
                joined(*(words.transform(each[side]) for side in sides)) for each in (train, test)
            )
            fit = partial(fit_linear, groups=self.train.groups, scale=False, score=self._value)
            predicted[name] = fit(vectors, self._targets).predict(test_vectors)
            if SHUFFLED not in predicted:
                anyhow = shuffled(self._targets)
                predicted[SHUFFLED] = fit(vectors, anyhow).predict(test_vectors)
        return {
            name: [self._scored(metric, values) for metric in metrics_of(self._score, self._modes)]
            for name, values in predicted.items()
        }

    @property
    def _both(self) -> tuple[Labelled, Labelled]:
        return self.train, self.test.known

    def _value(self, truth: np.ndarray, predicted: np.ndarray) -> float:
        """The score, for what is chosen by it."""
        found = scored(metric_of(self._score, MODES[0]), predicted, truth, [""] * len(truth))
        assert found.value is not None
        return found.value

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return list(zip(*self.test.known.sides, strict=True))

    @property
    @override
    def shown(self) -> list[Shown]:
        test = self.test.known
        return [
            Shown(
                metrics=[metric.name for metric in metrics_of(self._score, self._modes)],
                header=("text", "second text", "class") if test.seconds else ("text", "class"),
                texts=list(zip(*test.sides, test.labels, strict=True)),
                choices=sorted(set(self.train.labels)),
            )
        ]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        train, test = (Counter(side.labels) for side in self._both)
        known = set(self.train.keys)
        return without_zeros(
            {
                "classes": len(train),
                "classes of the test examples": len(test) if len(test) != len(train) else 0,
                "training examples": len(self.train.texts),
                TEST_EXAMPLES: len(self.test.known.texts),
                "classes with a single training example": sum(n == 1 for n in train.values()),
                CLASSES_UNSEEN: sum(n for label, n in test.items() if label not in train),
                EXAMPLES_ALSO_TRAINING: sum(key in known for key in self.test.known.keys),
                **self._known,
                CUT: share_cut([t for e in self._both for s in e.sides for t in s], self._seen),
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        return name_of([asdict(side) for side in self._both], length=64)

    def _scored(self, metric: Metric, predicted: np.ndarray) -> Measurement:
        return scored(metric, predicted, self._test_targets, self.test.known.groups)


def _not_numbers(sides: Sequence[States]) -> str:
    return not_numbers("vectors", np.concatenate([side.by_text for side in sides]))


def _read(readout: Readout, sides: Sequence[States]) -> Any:
    return joined(*map(readout, sides))


@dataclass(frozen=True, kw_only=True)
class ClassificationProbe(TableProbe):
    """Classification of the user's texts or pairs of texts, or of a hub data set.

    Attributes:
        text_column, label_column: of the table.
        second_column: of pairs, the second text.
        metric: `accuracy`, `macro_f1` or `mcc`; what is chosen on training examples goes by it.
        modes: `frozen` fits a linear layer on vectors, `knn` asks the nearest of them, `finetuned`
            trains all weights (of pairs, on both texts in one row).
        finetune: the recipe.
    """

    text_column: str = "text"
    second_column: str | None = None
    label_column: str = "label"
    metric: str = "accuracy"
    modes: tuple[str, ...] = ("frozen", "finetuned")
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        check_modes(self.modes)
        check_score(self.metric)

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return metrics_of(self.metric, self.modes)

    @property
    @override
    def text_columns(self) -> tuple[str, ...]:
        second = () if self.second_column is None else (self.second_column,)
        return (self.text_column, *second)

    @property
    @override
    def value_column(self) -> str:
        return self.label_column

    @override
    def check(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        """Two classes to learn, and one of them to test on."""
        classes, tested = ({_label(row) for row in side} for side in (train, test))
        if len(classes) < 2:
            raise ValueError(
                f"{self.path} leaves {len(train)} training examples of {len(classes)} class(es) in "
                f"column {self.label_column!r}; a classification needs at least 2"
            )
        if not classes & tested:
            hidden = "-1 stands for hidden labels: " if tested == {"-1"} else ""
            raise ValueError(
                f"no label of the test examples ({_some(tested)}) is one of the training examples "
                f"({_some(classes)}); {hidden}take another split (test_split) or file (test_path) "
                "to test on"
            )

    @override
    def task(
        self, train: Sequence[Row], test: Sequence[Row], corpus: Corpus, known: Mapping[str, Any]
    ) -> Task:
        train_side, test_side = (
            Labelled(
                texts=[row.texts[0] for row in rows],
                labels=[_label(row) for row in rows],
                groups=[normalized_text(row.texts[0]) for row in rows],
                seconds=[row.texts[1] for row in rows if len(row.texts) > 1],
            )
            for rows in (train, test)
        )
        if self.second_column is not None and "finetuned" in self.modes:
            pairs = [row.texts for row in (*train, *test)]
            known = {**known, CUT_TOGETHER: share_cut_together(pairs, corpus)}
        return ClassificationTask(
            train_side,
            test_side,
            self.modes,
            self.finetune,
            score=self.metric,
            seen=corpus.seen,
            known=known,
        )


def _label(row: Row) -> str:
    return label_of(row.value or "")


def _some(labels: set[str]) -> str:
    return ", ".join([*map(repr, sorted(labels)[:3]), *(["..."] if len(labels) > 3 else [])])
