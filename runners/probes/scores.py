"""Figures of predicted classes: accuracy, macro F1, Matthews' correlation coefficient."""

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from sklearn.metrics import f1_score, matthews_corrcoef

from results.record import Metric
from runners.measures.measurement import Measurement, example_rows, mean_of

SCORES = ("accuracy", "macro_f1", "mcc")
MODES = ("frozen", "knn", "finetuned")
_TITLES = {"accuracy": "accuracy", "macro_f1": "macro F1", "mcc": "MCC"}
_READ = {"frozen": "frozen", "knn": "nearest neighbours", "finetuned": "fine-tuned"}


def metric_of(score: str, mode: str) -> Metric:
    """What a figure is: one of SCORES in one of MODES."""
    estimators: dict[str, Literal["share", "macro_f1", "mcc"]] = {
        "accuracy": "share",
        "macro_f1": "macro_f1",
        "mcc": "mcc",
    }
    return Metric(
        f"{score}_{mode}",
        f"{_TITLES[score]}, {_READ[mode]}",
        estimator=estimators[score],
        chance=0.0 if score == "mcc" else None,
    )


def metrics_of(score: str, modes: Sequence[str]) -> tuple[Metric, ...]:
    """The figures of a classification, in the order in which they are measured."""
    return tuple(metric_of(score, mode) for mode in MODES if mode in modes)


def scored(
    metric: Metric, predicted: np.ndarray, truth: np.ndarray, groups: Sequence[str]
) -> Measurement:
    """A figure with the rows that it rests on.

    Macro F1 is over every class that is predicted or true, as scikit-learn has it.

    Args:
        metric: one of `metrics_of`.
        predicted: (N,) classes as numbers.
        truth: the same, as they should be.
        groups: of each example.
    """
    if metric.estimator == "share":
        return mean_of(metric, predicted == truth, groups)
    if metric.estimator == "mcc":
        value = float(matthews_corrcoef(truth, predicted))
    else:
        value = float(f1_score(truth, predicted, average="macro", zero_division=0))
    return Measurement(metric, value, examples=example_rows(predicted, groups, targets=truth))


def check_modes(modes: Sequence[str], known: Collection[str] = MODES) -> None:
    """Raise ValueError unless all modes are known and there is one."""
    unknown = [mode for mode in modes if mode not in known]
    if unknown or not modes:
        raise ValueError(f"modes is {list(modes)}; choose from {', '.join(known)}")


def check_score(score: str) -> None:
    """Raise ValueError unless the score is known."""
    if score not in SCORES:
        raise ValueError(f"metric is {score!r}; choose from {', '.join(SCORES)}")
