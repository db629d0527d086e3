"""Distances, spanning trees and correlations agree with plain loops."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import spearmanr

from runners.probes.trees import (
    root_of,
    scores,
    spanning_edges,
    spearman_of_rows,
    tree_distances,
    tree_edges,
    what_is_wrong,
)


def drawn_tree(generator: np.random.Generator, size: int) -> tuple[int, ...]:
    """Heads of a tree: in a random order, every word hangs on one that came before it."""
    order = generator.permutation(size)
    heads = [0] * size
    for place in range(1, size):
        heads[order[place]] = int(order[generator.integers(place)]) + 1
    return tuple(heads)


def path_to_root(heads: tuple[int, ...], place: int) -> list[int]:
    found = [place]
    while heads[found[-1]]:
        found.append(heads[found[-1]] - 1)
    return found


def slow_spanning_edges(distances: np.ndarray, kept: np.ndarray) -> set[tuple[int, int]]:
    """Kruskal: the shortest edge that links what was apart, again and again."""
    part = {place: place for place in kept.tolist()}
    found = set()
    for i, j in sorted(combinations(kept.tolist(), 2), key=lambda edge: distances[edge]):
        if part[i] != part[j]:
            found.add((i, j))
            old = part[j]
            part = {place: part[i] if own == old else own for place, own in part.items()}
    return found


def test_distances_go_by_the_first_word_that_two_paths_share() -> None:
    generator = np.random.default_rng(0)
    for size in (1, 2, 3, 7, 30):
        heads = drawn_tree(generator, size)
        assert what_is_wrong(heads) == ""
        paths = [path_to_root(heads, place) for place in range(size)]
        expected = [[len({*a} ^ {*b}) for b in paths] for a in paths]
        assert tree_distances(heads).tolist() == expected
        assert tree_distances(heads)[root_of(heads)].tolist() == [len(p) - 1 for p in paths]


@pytest.mark.parametrize("size", [1, 2, 3, 12])
def test_spanning_trees(size: int) -> None:
    generator = np.random.default_rng(size)
    for _ in range(20):
        points = generator.normal(size=(size, 3))
        distances = np.square(points[:, None] - points).sum(-1)
        kept = np.flatnonzero(generator.random(size) < 0.8)
        assert spanning_edges(distances, kept) == slow_spanning_edges(distances, kept)


def test_words_of_one_place_are_linked() -> None:
    distances = np.array([[0.0, 0.0, 9.0], [0.0, 0.0, 8.0], [9.0, 8.0, 0.0]])
    assert spanning_edges(distances, np.arange(3)) == {(0, 1), (1, 2)}


def test_a_trees_own_distances_span_it_and_punctuation_is_left_out() -> None:
    generator = np.random.default_rng(0)
    for size in (2, 9, 25):
        heads = drawn_tree(generator, size)
        every = np.arange(size)
        assert spanning_edges(tree_distances(heads), every) == tree_edges(heads, every)
    # the . hangs on the root
    assert tree_edges((2, 0, 2), np.array([0, 1])) == {(0, 1)}
    assert tree_edges((2, 0, 2), np.array([0, 2])) == set()


def test_correlations_of_rows_are_scipys() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 5, (2, 8, 12)).astype(float)
    expected = [spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    assert spearman_of_rows(first, second) == pytest.approx(expected)
    first[3] = 7.0
    assert spearman_of_rows(first, second)[3] == 0.0


def test_what_a_sentence_says() -> None:
    heads = (2, 0, 2, 5, 3, 2)
    true = (tree_distances(heads), tree_distances(heads)[1])
    every = np.arange(6)
    assert scores(true, true, heads, every) == (pytest.approx([1, 1, 1, 1]), [1, 5, 1, 1])
    line = np.arange(6.0)
    given = (np.abs(line[:, None] - line), line)
    values, weights = scores(given, true, heads, every[:-1])
    assert values[1] == 0.75  # of 1-2, 2-3, 4-5 and 3-5 the last is none of the chain
    assert weights == [1, 4, 1, 1]
    assert values[3] == 0.0  # its shallowest word is the first
    flat = (given[0], np.zeros(6))
    assert scores(flat, true, heads, every)[0][3] == pytest.approx(1 / 6)  # any word is as good


@pytest.mark.parametrize(
    ("heads", "reason"),
    [
        ((0, 3), "word 2 has the head 3, and the sentence has 2 words"),
        ((0, -1), "word 2 has the head -1"),
        ((0, 0, 1), "words 1, 2 have the head 0"),
        ((2, 1), "no word has the head 0"),
        ((0, 3, 2), "word 2 does not hang on the root: heads go round in a circle"),
        ((0, 2), "word 2 does not hang on the root"),
        ((1,), "no word has the head 0"),
    ],
)
def test_heads_that_make_no_tree(heads: tuple[int, ...], reason: str) -> None:
    assert what_is_wrong(heads).startswith(reason)
