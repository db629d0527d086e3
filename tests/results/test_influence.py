from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score, matthews_corrcoef

from results.influence import (
    CLASSIFIED,
    mcc_influence,
    ratio_influence,
    sample,
    spearman_influence,
)


def jackknife_error(figure: list[float]) -> float:
    left_out = np.array(figure)
    size = len(left_out)
    return float(np.sqrt((size - 1) / size * ((left_out - left_out.mean()) ** 2).sum()))


@pytest.mark.parametrize("ties", [False, True])
def test_spearman_has_the_error_of_the_jackknife(ties: bool) -> None:
    generator = np.random.default_rng(0)
    first = generator.normal(size=150)
    second = first + generator.normal(size=150)
    if ties:
        second = np.round(second)
    influence = spearman_influence(first, second)
    left_out = [
        float(stats.spearmanr(np.delete(first, i), np.delete(second, i)).statistic)
        for i in range(150)
    ]
    whole = stats.spearmanr(first, second).statistic
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    assert np.corrcoef(influence, whole - np.array(left_out))[0, 1] > 0.9999
    error = influence.std(ddof=1) / np.sqrt(150)
    assert error == pytest.approx(jackknife_error(left_out), rel=0.02)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("name", ["macro_f1", "mcc"])
def test_classes_have_the_error_of_the_jackknife(name: str, classes: int) -> None:
    scores = {"macro_f1": partial(f1_score, average="macro"), "mcc": matthews_corrcoef}
    generator = np.random.default_rng(3)
    truth = generator.choice(
        classes, 400, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2)
    )
    predicted = np.where(generator.random(400) < 0.6, truth, generator.integers(0, classes, 400))
    influence = CLASSIFIED[name](predicted, truth)
    whole = scores[name](truth, predicted)
    left_out = [scores[name](np.delete(truth, i), np.delete(predicted, i)) for i in range(400)]
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    assert np.corrcoef(influence, whole - np.array(left_out))[0, 1] > 0.999
    error = influence.std(ddof=1) / np.sqrt(400)
    assert error == pytest.approx(jackknife_error(left_out), rel=0.02)


@pytest.mark.parametrize("name", ["macro_f1", "mcc"])
def test_a_single_class_predicted_and_true_has_no_influence(name: str) -> None:
    assert not CLASSIFIED[name](np.ones(5), np.ones(5)).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kinds", [2, 3])
def test_one_class_for_all_has_no_correlation_whatever_rounds(kinds: int) -> None:
    for count in range(5, 200):  # the shares of one class sum to 1 or so
        truth = np.random.default_rng(count).integers(0, kinds, count)
        for predicted in (np.zeros(count, dtype=int), np.full(count, kinds - 1)):
            assert not mcc_influence(predicted, truth).any()
            assert not mcc_influence(truth, predicted).any()


def test_a_constant_side_has_no_influence() -> None:
    assert not spearman_influence(np.ones(5), np.arange(5.0)).any()


def test_a_ratio_has_the_error_of_the_jackknife() -> None:
    generator = np.random.default_rng(1)
    weights = generator.integers(1, 50, 200).astype(float)
    values = 3 * weights + generator.normal(0, 4, 200)
    influence = ratio_influence(values, weights)
    left_out = [float(np.delete(values, i).sum() / np.delete(weights, i).sum()) for i in range(200)]
    error = influence.std(ddof=1) / np.sqrt(200)
    assert error == pytest.approx(jackknife_error(left_out), rel=0.02)


def test_examples_of_one_group_count_once() -> None:
    values = np.repeat(np.random.default_rng(2).normal(0, 1, 40), 10)
    errors = []
    for groups in ([str(i) for i in range(400)], [str(i // 10) for i in range(400)]):
        rows = pd.DataFrame({"group": groups, "value": values, "target": np.nan})
        found = sample(float(values.mean()), "ratio", rows)
        errors.append(found.influence.std(ddof=1) / np.sqrt(len(found.groups)))
    assert errors[1] == pytest.approx(errors[0] * np.sqrt(10), rel=0.05)


def test_without_rows_nothing_is_known_of_the_examples() -> None:
    found = sample(0.5, "share", None)
    assert len(found.groups) == 0
    assert not found.fits(found)
