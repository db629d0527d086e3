"""A linear layer, or nearest neighbours, on frozen vectors; all is chosen on a fifth held back."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runners.measures.read_once import choosing

REGULARIZATIONS = (0.01, 0.1, 1.0, 10.0)
"""Inverse strengths that the linear layer may choose from, on a fifth of its training examples."""

UNCHOSEN = 1.0
"""The strength, or number of neighbours, where that fifth would leave a single class to learn."""

RIDGE = 100.0
"""Penalty of the ridge regression under which vectors are chosen: it takes a tenth of the time."""

FIRST_NEIGHBOURS = 10
"""Nearest neighbours under which vectors are chosen."""

NEIGHBOURS = (1, 5, 10, 20)
"""Numbers of nearest neighbours to choose from, of vectors of length 1."""

Score = Callable[[np.ndarray, np.ndarray], float]
"""From (N,) true and predicted classes to what is to be as high as can be."""


Offered = Sequence[Callable[[], Any]]
"""What makes the (N, D) vectors that may be chosen; they are not all held at once."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of choosing and fitting.

    Attributes:
        classifier: fitted to all examples.
        place: of the vectors that were chosen.
        scores: of each that was offered, on the fifth held back; empty where nothing was chosen.
    """

    classifier: Any
    place: int = 0
    scores: list[float] = field(default_factory=list)


def share_right(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Accuracy."""
    return float((truth == predicted).mean())


def held_back(targets: np.ndarray, groups: Sequence[str] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Places of (N,) classes to train on, and of the fifth on which choices are made.

    The same for every model. Examples of one group stay together: of SNLI each first text comes
    with every label, so that having seen it with two tells the third. Where all groups differ and
    every class can, it has its share on either side.

    Args:
        targets: (N,) classes.
        groups: of each example; without, each is one of its own.
    """
    if len(set(groups)) in (0, 1, len(targets)):
        with _many_classes():
            inner, held = train_test_split(
                np.arange(len(targets)), test_size=0.2, random_state=0, stratify=_stratify(targets)
            )
        return inner, held
    split = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    inner, held = next(split.split(targets, groups=np.array(groups)))
    return inner, held


@contextmanager
def _many_classes() -> Iterator[None]:
    """Of many classes with two examples each, scikit-learn doubts that they are classes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        yield


def _stratify(targets: np.ndarray) -> np.ndarray | None:
    """By class, where every class can have an example on either side."""
    sizes = np.bincount(targets)
    sizes = sizes[sizes > 0]
    return targets if sizes.min() >= 2 and -(-len(targets) // 5) >= len(sizes) else None


def fit_linear(
    vectors: Any,
    targets: np.ndarray,
    groups: Sequence[str] = (),
    *,
    scale: bool = True,
    score: Score = share_right,
) -> Any:
    """Multinomial logistic regression on (N, D) vectors; its regularization is chosen."""
    return fit_linear_to_best(
        [lambda: vectors], targets, groups, scale=scale, score=score
    ).classifier


def fit_linear_to_best(
    offered: Offered,
    targets: np.ndarray,
    groups: Sequence[str] = (),
    *,
    scale: bool = True,
    score: Score = share_right,
) -> Fitted:
    """Multinomial logistic regression; its vectors and its regularization are chosen.

    Vectors by a ridge regression onto the classes, then the regularization for those. Every model,
    and TF-IDF, chooses from the same strengths. Of a single class, a part of which may be taken to
    time a probe on, it is a constant.

    Args:
        offered: (N, D) vectors each; of equals the first is taken.
        targets: (N,) classes.
        groups: of each example; one of them is on one side of what is held back.
        scale: bring every feature to variance 1.
        score: decides.
    """

    def build(strength: float) -> Any:
        regression = LogisticRegression(C=strength, max_iter=1000, tol=1e-3)
        return make_pipeline(StandardScaler(), regression) if scale else regression

    first = make_pipeline(StandardScaler(), RidgeClassifier(RIDGE))
    sides = held_back(targets, groups)
    return _fit_to_best(offered, targets, sides, (first, build, REGULARIZATIONS), score)


def fit_neighbours_to_best(
    offered: Offered,
    targets: np.ndarray,
    groups: Sequence[str] = (),
    *,
    score: Score = share_right,
) -> Fitted:
    """The commonest class of the nearest by cosine; vectors, and then the number, are chosen.

    As `fit_linear_to_best`.
    """
    sides = held_back(targets, groups)

    def build(number: float) -> Any:
        return KNeighborsClassifier(min(int(number), len(sides[0])), metric="cosine")

    first = build(FIRST_NEIGHBOURS)
    return _fit_to_best(offered, targets, sides, (first, build, NEIGHBOURS), score)


def _fit_to_best(
    offered: Offered,
    targets: np.ndarray,
    sides: tuple[np.ndarray, np.ndarray],
    models: tuple[Any, Callable[[float], Any], Sequence[float]],
    score: Score,
) -> Fitted:
    """Vectors are chosen under the first model, then one of the values of the second."""
    first, build, values = models
    if len(set(targets)) < 2:
        return Fitted(DummyClassifier().fit(offered[0](), targets))
    inner, held = sides
    if len(set(targets[inner])) < 2:  # nothing can be chosen
        with _many_classes():
            return Fitted(build(UNCHOSEN).fit(offered[0](), targets))

    def tried(model: Any, vectors: Any) -> float:
        fitted = model.fit(vectors[inner], targets[inner])
        return score(targets[held], fitted.predict(vectors[held]))

    with _many_classes():
        with choosing():
            scores = [tried(clone(first), make()) for make in offered] if len(offered) > 1 else []
            place = int(np.argmax(scores)) if scores else 0
            vectors = offered[place]()
            value = values[int(np.argmax([tried(build(value), vectors) for value in values]))]
        return Fitted(build(value).fit(vectors, targets), place, scores)
