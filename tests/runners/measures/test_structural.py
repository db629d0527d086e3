"""The map's loss is the paper's, padded or not, and it reads what holds the distances."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from runners.measures.structural import _Training, fit_structural_to_best


def made(count: int, *, seed: int = 0) -> tuple[np.ndarray, list[int], list[np.ndarray]]:
    """Vectors of which three features say where a word is, the others nothing, and distances."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 9, count).tolist()
    vectors = generator.normal(size=(sum(lengths), 6)).astype(np.float32)
    parts = np.split(vectors[:, :3], np.cumsum(lengths)[:-1])
    targets = [np.square(3 * (part[:, None] - part)).sum(-1) for part in parts]
    return vectors, lengths, targets


def slow_loss(
    weight: np.ndarray, vectors: np.ndarray, lengths: Sequence[int], targets: Sequence[np.ndarray]
) -> float:
    """The mean over sentences of |predicted - true| by the number of pairs, or of words."""
    total, start = 0.0, 0
    scaled = (vectors - vectors.mean(0)) / vectors.std(0)
    for length, target in zip(lengths, targets, strict=True):
        mapped = np.c_[scaled, np.ones(len(scaled))][start : start + length] @ weight
        for i in range(length):
            if target.ndim == 1:
                total += abs(float(mapped[i] @ mapped[i]) - target[i]) / length
                continue
            for j in range(length):
                gap = mapped[i] - mapped[j]
                total += abs(float(gap @ gap) - target[i, j]) / length**2
        start += length
    return total


@pytest.mark.parametrize("depths", [False, True])
def test_the_loss_is_the_papers(depths: bool) -> None:
    vectors, lengths, targets = made(45)
    if depths:
        targets = [target[0] for target in targets]
    training = _Training(np.stack([vectors, vectors[::-1]]), lengths, targets)
    weight = training.fit(np.arange(20), seed=0)
    found = training.losses(weight, np.arange(45)).tolist()
    expected = [
        slow_loss(each.double().numpy(), own, lengths, targets)
        for each, own in zip(weight, (vectors, vectors[::-1]), strict=True)
    ]
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_vectors_that_hold_the_distances_are_chosen_and_their_features_found() -> None:
    vectors, lengths, targets = made(400)
    noise = np.random.default_rng(1).normal(size=vectors.shape).astype(np.float32)
    groups = [str(place) for place in range(400)]
    found = fit_structural_to_best(
        np.stack([noise, vectors, noise]), lengths, targets, groups, seed=0
    )
    assert found.choice == 1
    other, _, true = made(50, seed=2)
    parts = np.split(other, np.cumsum([len(each) for each in true])[:-1])
    for part, target in zip(parts, true, strict=True):
        assert found.distances(part) == pytest.approx(target, abs=0.1 * max(float(target.max()), 1))
    alone = fit_structural_to_best(vectors[None], lengths, targets, groups, seed=0)
    assert alone.choice == 0
    assert np.array_equal(alone.weight, found.weight)


def test_depths_are_lengths_from_a_place_of_its_own() -> None:
    """The zero of depths is no word's vector, nor the mean of all."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(2400, 4)).astype(np.float32) + 5
    targets = np.split(np.square(vectors[:, :2] - [6, 4]).sum(1), 300)
    groups = [str(place) for place in range(300)]
    found = fit_structural_to_best(vectors[None], [8] * 300, targets, groups, seed=0)
    assert found.depths(vectors[:8]) == pytest.approx(targets[0], abs=0.5)


@pytest.mark.parametrize("seed", [0, 3])
def test_the_same_seed_gives_the_same_map(seed: int) -> None:
    vectors, lengths, targets = made(60)
    given: Any = (np.stack([vectors, 2 * vectors]), lengths, targets, ["a", "b", "c"] * 20)
    first, second = (fit_structural_to_best(*given, seed=seed) for _ in range(2))
    assert np.array_equal(first.weight, second.weight)
    assert first.choice == second.choice
    other = fit_structural_to_best(*given, seed=seed + 1)
    assert not np.array_equal(first.weight, other.weight)


def test_sentences_of_which_no_word_is_read_say_nothing() -> None:
    vectors, lengths, targets = made(60)
    none = np.zeros((0, 0))
    first = _Training(vectors[None], lengths, targets)
    second = _Training(vectors[None], [*lengths, 0], [*targets, none])
    weight = first.fit(np.arange(60), seed=0)
    assert second.losses(weight, np.arange(61)) == pytest.approx(
        first.losses(weight, np.arange(60)).numpy(), rel=1e-5
    )
    assert np.isfinite(second.fit(np.arange(61), seed=0).numpy()).all()
    assert second.losses(weight, np.array([60])).tolist() == [0.0]
