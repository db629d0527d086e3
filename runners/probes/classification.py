"""Text classification: a linear layer on frozen vectors, and fine-tuning.

The user's own labelled file, or a hub data set, through `probe=classification`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.initialization import seed_of
from runners.corpora.corpus import Corpus
from runners.finetune import FinetuneConfig, finetune
from runners.identity import name_of
from runners.pretrained import Pretrained
from runners.probes.base import Measurement, Task, mean_of
from runners.probes.tables import TableProbe

MODES = ("frozen", "finetuned")
WORDS = r"(?u)\w+|[^\w\s]+"
"""Words, and runs of signs, so that no text is empty."""

REGULARIZATIONS = (0.01, 0.1, 1.0, 10.0)
"""Inverse strengths that the linear layer may choose from, on a fifth of its training examples."""


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
    """

    def __init__(
        self, train: Labelled, test: Labelled, modes: Sequence[str], recipe: FinetuneConfig
    ) -> None:
        self.train, self.test, self._modes, self._recipe = train, test, modes, recipe
        self._classes = sorted(set(train.labels))
        place = {label: index for index, label in enumerate(self._classes)}
        self._targets = np.array([place[label] for label in train.labels])
        self._test_targets = np.array([place.get(label, -1) for label in test.labels])

    def evaluate(self, model: Pretrained, *, seed: int) -> list[Measurement]:
        """Accuracy by mode."""
        measured = []
        if "frozen" in self._modes:
            vectors, test_vectors = model.embed(self.train.texts), model.embed(self.test.texts)
            predicted = fit_linear(vectors, self._targets).predict(test_vectors)
            measured.append(self._accuracy("accuracy_frozen", predicted))
        if "finetuned" in self._modes:
            predicted = finetune(
                model,
                self.train.texts,
                self._targets,
                self.test.texts,
                config=self._recipe,
                seed=seed_of("finetune", seed),
            )
            measured.append(self._accuracy("accuracy_finetuned", predicted))
        return measured

    def baselines(self) -> dict[str, list[Measurement]]:
        """The commonest class; and TF-IDF of words and word pairs under the same linear layer."""
        constant = DummyClassifier(strategy="most_frequent")
        constant.fit(self.train.texts, self._targets)
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORDS)
        linear = fit_linear(words.fit_transform(self.train.texts), self._targets, scale=False)
        predicted = {
            "majority class": constant.predict(self.test.texts),
            "TF-IDF": linear.predict(words.transform(self.test.texts)),
        }
        return {
            name: [self._accuracy(f"accuracy_{mode}", values) for mode in self._modes]
            for name, values in predicted.items()
        }

    def fingerprint(self) -> str:
        """A hash of all texts and labels."""
        return name_of([asdict(self.train), asdict(self.test)], length=64)

    def _accuracy(self, metric: str, predicted: np.ndarray) -> Measurement:
        return mean_of(metric, predicted == self._test_targets, self.test.groups)


def fit_linear(
    vectors: np.ndarray, targets: np.ndarray, *, scale: bool = True
) -> LogisticRegression:
    """Multinomial logistic regression; its regularization is chosen on a fifth held back.

    Every model, and TF-IDF, chooses from the same values.
    """

    def build(strength: float) -> Any:
        regression = LogisticRegression(C=strength, max_iter=1000, tol=1e-3)
        return make_pipeline(StandardScaler(), regression) if scale else regression

    inner, held_back = train_test_split(
        np.arange(len(targets)), test_size=0.2, random_state=0, stratify=_stratify(targets)
    )
    scores = [
        build(strength)
        .fit(vectors[inner], targets[inner])
        .score(vectors[held_back], targets[held_back])
        for strength in REGULARIZATIONS
    ]
    return build(REGULARIZATIONS[int(np.argmax(scores))]).fit(vectors, targets)


def _stratify(targets: np.ndarray) -> np.ndarray | None:
    return targets if np.bincount(targets).min() >= 2 else None


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

    def __post_init__(self) -> None:
        super().__post_init__()
        check_modes(self.modes)

    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Read the table and check it."""
        train, test = (
            Labelled(
                texts=[row[self.text_column] for row in rows],
                labels=[row[self.label_column] for row in rows],
                groups=[row[self.text_column] for row in rows],
            )
            for rows in self.read(
                [self.text_column, self.label_column],
                key=self.text_column,
                hub_dir=hub_dir,
                cache_dir=cache_dir,
            )
        )
        classes = set(train.labels)
        if len(classes) < 2:
            raise ValueError(
                f"probe {self.name}: {self.path} has {len(classes)} class in column "
                f"{self.label_column!r}; a classification needs at least 2"
            )
        return ClassificationTask(train, test, self.modes, self.finetune)


def check_modes(modes: Sequence[str]) -> None:
    """Raise ValueError unless all modes are known and there is one."""
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise ValueError(f"modes is {list(modes)}; choose from {', '.join(MODES)}")
