"""Text classification: a linear layer on frozen vectors, and fine-tuning.

The user's own labelled file, or a hub data set, through `probe=classification`.
"""

import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typing_extensions import override

from models.initialization import seed_of
from results.record import Metric
from runners.identity import name_of
from runners.measures.finetune import FinetuneConfig, finetune
from runners.measures.measurement import Measurement, mean_of, not_numbers
from runners.measures.readouts import readouts
from runners.measures.text_model import TextModel
from runners.probes.base import CUT, Seen, Task, share_cut, without_zeros
from runners.probes.overlap import normalized_text
from runners.probes.tables import Row, TableProbe

MODES = ("frozen", "finetuned")
FROZEN = Metric("accuracy_frozen", "accuracy, frozen")
FINETUNED = Metric("accuracy_finetuned", "accuracy, fine-tuned")
WORDS = r"(?u)\w+|[^\w\s]+"
"""Words, and runs of signs, so that no text is empty."""

REGULARIZATIONS = (0.01, 0.1, 1.0, 10.0)
"""Inverse strengths that the linear layer may choose from, on a fifth of its training examples."""

UNCHOSEN = 1.0
"""The one it takes where that fifth would leave a single class to learn from."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts with classes.

    Attributes:
        texts: the examples.
        labels: their classes.
        groups: units of resampling, such as the module of a docstring.
    """

    texts: list[str]
    labels: list[str]
    groups: list[str]


class ClassificationTask(Task):
    """Accuracy on test texts.

    Args:
        train, test: the examples; classes are those of `train`.
        modes: `frozen`, `finetuned` or both.
        recipe: of fine-tuning.
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
        seen: Seen = list,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.train, self.test, self._modes, self._recipe = train, test, modes, recipe
        self._seen, self._known = seen, dict(known or {})
        self._classes = sorted(set(train.labels))
        place = {label: index for index, label in enumerate(self._classes)}
        self._targets = np.array([place[label] for label in train.labels])
        self._test_targets = np.array([place.get(label, -1) for label in test.labels])

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """Accuracy by mode."""
        measured = []
        if "frozen" in self._modes:
            measured.append(self._frozen(model))
        if "finetuned" in self._modes:
            predicted = finetune(
                model,
                self.train.texts,
                self._targets,
                self.test.texts,
                config=self._recipe,
                seed=seed_of("finetune", seed),
            )
            measured.append(
                Measurement(FINETUNED, None, note="fine-tuning diverged")
                if predicted is None
                else self._accuracy(FINETUNED, predicted)
            )
        return measured

    def _frozen(self, model: TextModel) -> Measurement:
        states, test_states = model.states(self.train.texts), model.states(self.test.texts)
        reason = not_numbers("vectors", np.concatenate([states, test_states], 1).swapaxes(0, 1))
        if reason:
            return Measurement(FROZEN, None, note=reason)
        # A linear layer on scaled features sees no centring.
        choices = list(readouts(states, model.layers, centred=False))
        chosen, linear = fit_linear_to_best([readout(states) for readout in choices], self._targets)
        predicted = linear.predict(choices[chosen](test_states))
        return replace(self._accuracy(FROZEN, predicted), note=str(choices[chosen]))

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """The commonest class; and TF-IDF of words and word pairs under the same linear layer."""
        texts, test_texts = self._seen(self.train.texts), self._seen(self.test.texts)
        constant = DummyClassifier(strategy="most_frequent").fit(texts, self._targets)
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORDS)
        linear = fit_linear(words.fit_transform(texts), self._targets, scale=False)
        predicted = {
            "majority class": constant.predict(test_texts),
            "TF-IDF": linear.predict(words.transform(test_texts)),
        }
        return {
            name: [self._accuracy(metric, values) for metric in accuracies(self._modes)]
            for name, values in predicted.items()
        }

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        train, test = Counter(self.train.labels), Counter(self.test.labels)
        known = {normalized_text(text) for text in self.train.texts}
        return without_zeros(
            {
                "classes": len(train),
                "classes of the test examples": len(test) if len(test) != len(train) else 0,
                "training examples": len(self.train.texts),
                "test examples": len(self.test.texts),
                "classes with a single training example": sum(n == 1 for n in train.values()),
                "test examples of a class that training lacks, which no model can get right": sum(
                    n for label, n in test.items() if label not in train
                ),
                "test examples whose text is a training example too": sum(
                    normalized_text(text) in known for text in self.test.texts
                ),
                **self._known,
                CUT: share_cut([*self.train.texts, *self.test.texts], self._seen),
            }
        )

    @cached_property
    @override
    def fingerprint(self) -> str:
        return name_of([asdict(self.train), asdict(self.test)], length=64)

    def _accuracy(self, metric: Metric, predicted: np.ndarray) -> Measurement:
        return mean_of(metric, predicted == self._test_targets, self.test.groups)


def fit_linear(vectors: Any, targets: np.ndarray, *, scale: bool = True) -> Any:
    """Multinomial logistic regression on (N, D) vectors; its regularization is chosen."""
    return fit_linear_to_best([vectors], targets, scale=scale)[1]


def fit_linear_to_best(
    choices: Sequence[Any], targets: np.ndarray, *, scale: bool = True
) -> tuple[int, Any]:
    """Multinomial logistic regression; vectors and regularization are chosen on a fifth held back.

    Every model, and TF-IDF, chooses from the same strengths. Of a single class, a part of which
    may be taken to time a probe on, it is a constant.

    Args:
        choices: (N, D) vectors each; of equals the first is taken.
        targets: (N,) classes.
        scale: bring every feature to variance 1.

    Returns:
        The place of the chosen vectors, and what was fitted to all of them.
    """
    if len(set(targets)) < 2:
        return 0, DummyClassifier().fit(choices[0], targets)

    def build(strength: float) -> Any:
        regression = LogisticRegression(C=strength, max_iter=1000, tol=1e-3)
        return make_pipeline(StandardScaler(), regression) if scale else regression

    inner, held_back = train_test_split(
        np.arange(len(targets)), test_size=0.2, random_state=0, stratify=_stratify(targets)
    )
    with warnings.catch_warnings():  # of many classes with two examples: they are classes
        warnings.filterwarnings("ignore", message="The number of unique classes")
        if len(set(targets[inner])) < 2:
            return 0, build(UNCHOSEN).fit(choices[0], targets)
        scores = [
            build(strength)
            .fit(vectors[inner], targets[inner])
            .score(vectors[held_back], targets[held_back])
            for vectors in choices
            for strength in REGULARIZATIONS
        ]
        chosen, strength = divmod(int(np.argmax(scores)), len(REGULARIZATIONS))
        return chosen, build(REGULARIZATIONS[strength]).fit(choices[chosen], targets)


def _stratify(targets: np.ndarray) -> np.ndarray | None:
    """By class, where every class can have an example on either side."""
    sizes = np.bincount(targets)
    sizes = sizes[sizes > 0]
    return targets if sizes.min() >= 2 and -(-len(targets) // 5) >= len(sizes) else None


@dataclass(frozen=True, kw_only=True)
class ClassificationProbe(TableProbe):
    """Classification of the user's texts, or of a hub data set.

    Attributes:
        text_column, label_column: of the table.
        modes: `frozen` fits a linear layer on vectors, `finetuned` trains all weights.
        finetune: the recipe.
    """

    text_column: str = "text"
    label_column: str = "label"
    modes: tuple[str, ...] = MODES
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        check_modes(self.modes)

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return accuracies(self.modes)

    @property
    @override
    def text_columns(self) -> tuple[str, ...]:
        return (self.text_column,)

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
        self, train: Sequence[Row], test: Sequence[Row], seen: Seen, known: Mapping[str, Any]
    ) -> Task:
        train_side, test_side = (
            Labelled(
                texts=[row.texts[0] for row in rows],
                labels=[_label(row) for row in rows],
                groups=[normalized_text(row.texts[0]) for row in rows],
            )
            for rows in (train, test)
        )
        return ClassificationTask(
            train_side, test_side, self.modes, self.finetune, seen=seen, known=known
        )


def _label(row: Row) -> str:
    """A class; 1 and 1.0 are one, as of a column of whole numbers in two files."""
    return re.sub(r"^(-?\d+)\.0+$", r"\1", row.value)


def _some(labels: set[str]) -> str:
    return ", ".join([*map(repr, sorted(labels)[:3]), *(["..."] if len(labels) > 3 else [])])


def accuracies(modes: Sequence[str]) -> tuple[Metric, ...]:
    """The figures of a classification, in the order in which they are measured."""
    by_mode = {"frozen": FROZEN, "finetuned": FINETUNED}
    return tuple(by_mode[mode] for mode in MODES if mode in modes)


def check_modes(modes: Sequence[str]) -> None:
    """Raise ValueError unless all modes are known and there is one."""
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise ValueError(f"modes is {list(modes)}; choose from {', '.join(MODES)}")
