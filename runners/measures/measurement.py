"""A figure of one model with the test examples that it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from results.record import Metric


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure of one model, with what it rests on.

    Attributes:
        metric: what it is.
        value: None where the model cannot be measured.
        note: why there is no value.
        examples: columns example, group and value, and where they weigh unlike or are correlated
            with something also target; groups are the independent units. None where there is no
            value.
        exhibits: examples for the eye, JSON-like; pictures are PNG in base64, vectors float32.
        options: what the model's vectors could be read from, and the score of each on validation
            examples; empty where nothing was chosen.
        reads: how often test examples were read for it, where that is counted.
    """

    metric: Metric
    value: float | None
    note: str = ""
    examples: pd.DataFrame | None = None
    exhibits: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, float] = field(default_factory=dict)
    reads: int = 0


def mean_of(
    metric: Metric,
    values: np.ndarray,
    groups: Sequence[str] | np.ndarray,
    weights: np.ndarray | None = None,
) -> Measurement:
    """The (weighted) mean of scores over test examples, with its rows."""
    if weights is None:
        rows = example_rows(values, groups)
        return Measurement(metric, float(np.mean(values)), examples=rows)
    rows = example_rows(values * weights, groups, targets=weights)
    mean = float((values * weights).sum() / weights.sum())
    return Measurement(metric, mean, examples=rows)


def not_numbers(what: str, values: np.ndarray) -> str:
    """Why a model cannot be measured, where its answers are no finite numbers, or "".

    Args:
        what: they are, such as `vectors`.
        values: (N, ...), one answer a text.
    """
    finite = np.isfinite(values).reshape(len(values), -1).all(1)
    return "" if finite.all() else f"{(~finite).sum()} of {len(values)} {what} are no numbers"


def example_rows(
    values: np.ndarray, groups: Sequence[str] | np.ndarray, targets: np.ndarray | None = None
) -> pd.DataFrame:
    """One row a test example, in the order of the test set."""
    rows = pd.DataFrame(
        {"example": np.arange(len(values)), "group": list(groups), "value": values.astype(float)}
    )
    return rows if targets is None else rows.assign(target=targets.astype(float))
