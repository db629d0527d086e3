import numpy as np
import pytest

from results.cka import cka


def slow_hsic(first: np.ndarray, second: np.ndarray) -> float:
    """The unbiased estimator as the mean over quadruples of different texts (Song et al. 2012)."""
    count, total, terms = len(first), 0.0, 0
    for i in range(count):
        for j in range(count):
            for q in range(count):
                for r in range(count):
                    if len({i, j, q, r}) == 4:
                        alike = second[i, j] + second[q, r] - 2 * second[i, q]
                        total += first[i, j] * alike
                        terms += 1
    return total / terms


def test_it_is_the_mean_over_quadruples() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(8, 3)), generator.normal(size=(8, 5))
    second[:, :3] += first
    kernels = [vectors @ vectors.T for vectors in (first, second)]
    own = [slow_hsic(kernel, kernel) for kernel in kernels]
    expected = slow_hsic(kernels[0], kernels[1]) / np.sqrt(own[0] * own[1])
    assert cka(first, second) == pytest.approx(expected)


def test_turning_and_scaling_change_nothing_and_shuffling_everything() -> None:
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(200, 16)) * np.arange(1, 17)
    turn = np.linalg.qr(generator.normal(size=(16, 16)))[0]
    assert cka(vectors, 3 * vectors @ turn + 5) == pytest.approx(1)
    found = [cka(vectors, generator.permutation(vectors)) for _ in range(20)]
    assert abs(np.mean([value for value in found if value is not None])) < 0.02  # debiased


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_one_vector_for_all_is_like_nothing_at_any_scale(scale: float) -> None:
    """And vectors that differ are not one vector because they are short."""
    generator = np.random.default_rng(2)
    other = generator.normal(size=(10, 3))
    for one in (np.ones(3), generator.normal(size=3)):
        assert cka(scale * np.tile(one, (10, 1)), other) is None
        rounded = (scale * np.tile(one, (10, 1)) * (1 + 1e-7 * other)).astype(np.float32)
        assert cka(rounded, other) is None
    assert cka(scale * other, scale * other) == pytest.approx(1)
    assert cka(np.zeros((10, 3)), other) is None
