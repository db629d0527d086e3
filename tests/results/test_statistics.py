import numpy as np
import pytest
from scipy import stats

from results.influence import Sample
from results.statistics import (
    Contrast,
    Variance,
    contrast,
    estimate,
    holm,
    of_difference,
    pooled,
    summed,
)

NONE = Variance(0.0, 0.0)


def of(values: np.ndarray, estimator: str = "share") -> Sample:
    groups = np.arange(len(values)).astype(object)
    return Sample(float(values.mean()), estimator, groups, values - values.mean())


def right(count: int, of_all: int) -> Sample:
    return of((np.arange(of_all) < count).astype(float))


def figure(value: float) -> Sample:
    """Without test examples."""
    return Sample(value, "ratio", np.empty(0, object), np.empty(0))


def compared(first: list[Sample], second: list[Sample]) -> Contrast:
    own = [Variance.of([each.value for each in side]) for side in (first, second)]
    variance = of_difference(own[0], own[1], [])
    return contrast(first, second, range(len(first)), variance)


def test_one_seed_has_wilsons_interval_over_examples() -> None:
    found = estimate([right(300, 400)], NONE)
    expected = stats.binomtest(300, 400).proportion_ci(0.95, method="wilson")
    assert found.over == "examples"
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-3)


def test_a_perfect_score_is_neither_certain_nor_above_one() -> None:
    found = estimate([right(20, 20)], NONE)
    assert found.high == 1.0
    assert found.low is not None
    assert 0.8 < found.low < 0.9


def test_seeds_without_examples_have_students_t() -> None:
    values = [1.0, 2.0, 4.0]
    found = estimate([figure(value) for value in values], Variance.of(values))
    expected = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert found.over == "seeds"
    assert (found.low, found.high) == pytest.approx(expected)


def test_a_figure_alone_has_no_interval() -> None:
    assert estimate([figure(1.0)], NONE).low is None


def test_two_models_without_examples_have_the_unpaired_t_test() -> None:
    first, second = [1.0, 2.0, 3.5], [0.5, 1.8, 2.9]
    found = compared(list(map(figure, first)), list(map(figure, second)))
    assert found.p == pytest.approx(stats.ttest_ind(first, second).pvalue, rel=1e-4)
    assert found.over == "seeds"


def test_the_p_value_is_where_the_interval_reaches_zero() -> None:
    generator = np.random.default_rng(3)
    sides = [[of(generator.random(100) + shift) for _ in range(3)] for shift in (0.0, 0.1)]
    found = compared(*sides)
    assert found.low is not None
    assert (found.p < 0.05) == (found.sign != 0)
    back = found.reversed
    assert (back.difference, back.low, back.high) == (
        -found.difference,
        -(found.high or 0),
        -found.low,
    )


@pytest.mark.parametrize("rows", [True, False])
def test_equal_differences_give_no_certainty(rows: bool) -> None:
    """12 against 11 right of 20 at both seeds: the spread over seeds is 0, the doubt is not."""
    sides = [[right(12, 20)] * 2, [right(11, 20)] * 2]
    if not rows:
        sides = [[figure(each.value) for each in side] for side in sides]
    assert compared(*sides).p > 0.2


def test_one_seed_with_other_examples_on_either_side_says_nothing() -> None:
    found = compared([right(12, 20)], [right(11, 30)])
    assert found.p == 1.0
    assert found.low is None


def test_examples_that_suit_one_model_at_every_seed_are_part_of_the_doubt() -> None:
    """More seeds do not help where the same test examples decide every time."""
    taste = np.random.default_rng(4).normal(0, 1, 50)
    many = compared([of(taste, "ratio")] * 50, [of(0 * taste, "ratio")] * 50)
    assert many.high is not None
    assert many.low is not None
    assert many.high - many.low == pytest.approx(2 * 2.01 * taste.std(ddof=1) / 50**0.5, rel=0.05)


@pytest.mark.parametrize(
    ("seeds", "examples", "seed_sd"), [(1, 20, 0), (2, 600, 0.1), (3, 100, 0), (5, 600, 0.1)]
)
def test_intervals_of_differences_cover_the_truth(
    seeds: int, examples: int, seed_sd: float
) -> None:
    generator = np.random.default_rng(seeds)
    covered, repeats = 0, 600
    for _ in range(repeats):
        hard = generator.normal(0, 1, examples)
        sides = [
            [
                of((generator.normal(0, seed_sd) + hard > generator.normal(size=examples)) * 1.0)
                for _ in range(seeds)
            ]
            for _ in range(2)
        ]
        found = compared(*sides)
        covered += found.sign == 0
    assert covered / repeats > 0.95 - 2 * (0.05 * 0.95 / repeats) ** 0.5


def test_three_standard_errors_are_found_over_five_seeds() -> None:
    generator = np.random.default_rng(5)
    found = 0
    for _ in range(200):
        sides = [
            [figure(mean + generator.normal(0, 1)) for _ in range(5)]
            for mean in (3 * (2 / 5) ** 0.5, 0)
        ]
        found += compared(*sides).sign > 0
    assert found / 200 > 0.7


def test_models_that_vary_alike_are_pooled_and_others_stand_by_themselves() -> None:
    quiet, like, noisy, stuck = (Variance(value, 2.0) for value in (1.0, 2.0, 90.0, 0.0))
    assert of_difference(quiet, like, [like]) == Variance(pytest.approx(10 / 3), 6.0)
    assert of_difference(like, like, [quiet]) == Variance(4.0, 4.0)  # more than the pool says
    for other in (noisy, stuck):
        assert of_difference(quiet, quiet, [other, NONE]) == Variance(2.0, 4.0)
    assert of_difference(stuck, stuck, [stuck]) == Variance(0.0, 6.0)
    assert pooled([NONE]).freedom == 0


@pytest.mark.parametrize("beside", [(), (0.0,) * 6, (0.1,), (1.0,) * 3, (10.0,)])
@pytest.mark.parametrize("seeds", [2, 3])
def test_what_stands_beside_two_models_does_not_decide_between_them(
    seeds: int, beside: tuple[float, ...]
) -> None:
    """Two that are alike are told apart in 5 % of all cases, whoever else is in the table."""
    generator, repeats, apart = np.random.default_rng(seeds + 10), 1500, 0
    for _ in range(repeats):
        values = [generator.normal(0, sd, seeds) for sd in (1.0, 1.0, *beside)]
        first, second, *others = (Variance.of(list(each)) for each in values)
        sides = [[figure(value) for value in each] for each in values[:2]]
        variance = of_difference(first, second, others)
        apart += contrast(*sides, range(seeds), variance).sign != 0
    assert apart / repeats == pytest.approx(0.05, abs=0.02)


def test_examples_that_are_all_alike_support_no_interval() -> None:
    """An entity F1 of 0 in 40 sentences is not known to be 0 in others."""
    found = estimate([of(np.zeros(40), "ratio")], NONE)
    assert (found.value, found.low, found.high) == (0.0, None, None)


def test_unlike_variances_have_satterthwaites_degrees_of_freedom() -> None:
    first, second = [1.0, 2.0, 3.5], [0.5, 5.8, 2.9, 1.0]
    found = summed(*(Variance(np.var(v, ddof=1) / len(v), len(v) - 1) for v in (first, second)))
    theirs = stats.ttest_ind(first, second, equal_var=False)
    assert found.freedom == pytest.approx(theirs.df)
    assert summed(NONE, Variance(4.0, 2.0)) == Variance(4.0, 2.0)


def test_holm_is_holms() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
