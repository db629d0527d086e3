import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.statistics import (
    bootstrap,
    example_contrast,
    holm,
    percentile_interval,
    seed_contrast,
    t_interval,
)


def rows(values: np.ndarray, groups: list[str] | None = None, **more: np.ndarray) -> pd.DataFrame:
    groups = groups or [str(i) for i in range(len(values))]
    return pd.DataFrame({"group": groups, "value": values, **more})


def test_student_t_covers_95_percent_at_three_seeds() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        low, high = t_interval(list(generator.normal(1.0, 2.0, 3)))
        covered += low <= 1.0 <= high
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


def test_t_interval_is_the_textbooks() -> None:
    values = [1.0, 2.0, 4.0]
    expected = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert t_interval(values) == pytest.approx(expected)


def test_bootstrap_of_a_mean_has_the_standard_error() -> None:
    values = np.random.default_rng(1).normal(0, 1, 400)
    drawn = bootstrap(rows(values), "mean", 4000)
    assert drawn.std() == pytest.approx(values.std() / 20, rel=0.05)
    assert drawn.mean() == pytest.approx(values.mean(), abs=0.005)


def test_resampling_groups_is_wider_than_resampling_their_members() -> None:
    values = np.repeat(np.random.default_rng(2).normal(0, 1, 40), 10)
    alone = bootstrap(rows(values), "mean", 2000).std()
    grouped = bootstrap(rows(values, [str(i // 10) for i in range(400)]), "mean", 2000).std()
    assert grouped == pytest.approx(alone * np.sqrt(10), rel=0.15)


def test_a_ratio_is_total_over_total() -> None:
    generator = np.random.default_rng(3)
    counts = generator.integers(1, 50, 300).astype(float)
    sums = 3.0 * counts + generator.normal(0, 1, 300)
    drawn = bootstrap(rows(sums, target=counts), "ratio", 2000)
    low, high = percentile_interval(drawn)
    assert low < sums.sum() / counts.sum() < high
    assert drawn.mean() == pytest.approx(3.0, abs=0.02)


def test_a_correlation_is_resampled_by_pairs() -> None:
    generator = np.random.default_rng(4)
    target = generator.normal(0, 1, 200)
    value = target + generator.normal(0, 1, 200)
    drawn = bootstrap(rows(value, target=target), "spearman", 300)
    expected = stats.spearmanr(value, target).statistic
    assert drawn.mean() == pytest.approx(expected, abs=0.02)
    assert 0.02 < drawn.std() < 0.08


def test_two_models_are_resampled_together() -> None:
    generator = np.random.default_rng(5)
    hard = generator.normal(0, 5, 300)
    first, second = rows(hard + 0.3), rows(hard + generator.normal(0, 0.1, 300))
    found = example_contrast(first, second, "mean", 2000, 0.3)
    assert found.high - found.low < 0.05
    assert found.p < 0.01
    same = example_contrast(first, first, "mean", 2000, 0.0)
    assert same.p == 1.0


def test_different_examples_are_not_contrasted() -> None:
    with pytest.raises(ValueError, match="different test examples"):
        example_contrast(rows(np.ones(3)), rows(np.ones(3), list("abc")), "mean", 10, 0.0)


def test_example_contrast_keeps_its_level() -> None:
    generator = np.random.default_rng(6)
    rejected = 0
    for _ in range(300):
        a, b = generator.normal(0, 1, (2, 60))
        found = example_contrast(rows(a), rows(b), "mean", 400, float(a.mean() - b.mean()))
        rejected += found.p < 0.05
    assert rejected / 300 < 0.09


def test_seed_contrast_is_the_paired_t_test_with_its_correlation() -> None:
    first, second = [1.0, 2.0, 3.5], [0.5, 1.8, 2.9]
    found = seed_contrast(first, second)
    assert found.p == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert found.difference == pytest.approx(np.mean(np.subtract(first, second)))
    assert found.correlation == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert seed_contrast([1.0, 2.0], [1.0, 2.0]).p == 1.0
    assert seed_contrast([1.5, 2.5], [1.0, 2.0]).p == 0.0
    assert seed_contrast([1.0, 1.0], [1.0, 2.0]).correlation is None


def test_holm_is_holms() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
