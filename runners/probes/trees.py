"""Dependency trees of sentences, and what predicted distances and depths say of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.stats import rankdata

PUNCTUATION = "PUNCT"
"""Its part of speech in Universal Dependencies."""

SHORTEST, LONGEST = 5, 50
"""Words of the sentences on which correlations rest, as in the paper."""

Tree = tuple[np.ndarray, np.ndarray]
"""Of a sentence, the (L, L) distances of its words and their (L,) depths."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Sentences in words with their trees.

    Attributes:
        words: of each sentence.
        heads: of each word, the place of the word that it hangs on, counted from 1; 0 of the root.
        kept: whether each word is no punctuation.
    """

    words: list[tuple[str, ...]]
    heads: list[tuple[int, ...]]
    kept: list[tuple[bool, ...]]

    @property
    def texts(self) -> list[str]:
        """The sentences as text."""
        return [" ".join(words) for words in self.words]


def what_is_wrong(heads: Sequence[int]) -> str:
    """Why the heads of a sentence make no tree, or "".

    Args:
        heads: as of Parsed.
    """
    for place, head in enumerate(heads, start=1):
        if not 0 <= head <= len(heads):
            return (
                f"word {place} has the head {head}, and the sentence has {len(heads)} words: heads "
                "count words from 1, and 0 marks the root"
            )
    roots = [str(place) for place, head in enumerate(heads, start=1) if head == 0]
    if len(roots) != 1:
        found = f"words {', '.join(roots)} have" if roots else "no word has"
        return f"{found} the head 0: one word of a sentence is its root"
    apart = ~np.isfinite(tree_distances(heads)[int(roots[0]) - 1])
    if apart.any():
        return f"word {apart.argmax() + 1} does not hang on the root: heads go round in a circle"
    return ""


def tree_distances(heads: Sequence[int]) -> np.ndarray:
    """(L, L) numbers of edges between every two words of a sentence.

    Args:
        heads: as of Parsed.
    """
    edges = [(place, head - 1) for place, head in enumerate(heads) if head]
    places = np.array(edges, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges)), (places[0], places[1])), shape=(len(heads),) * 2)
    found: np.ndarray = shortest_path(graph.tocsr(), directed=False, unweighted=True)
    return found


def root_of(heads: Sequence[int]) -> int:
    """The place of the root, from 0."""
    return list(heads).index(0)


def spearman_of_rows(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) Spearman correlations of the rows of two (N, L) arrays; 0 where one is constant."""
    left, right = (rankdata(values, axis=1) for values in (first, second))
    left -= left.mean(1, keepdims=True)
    right -= right.mean(1, keepdims=True)
    scale = np.sqrt((left**2).sum(1) * (right**2).sum(1))
    found: np.ndarray = (left * right).sum(1) / np.where(scale > 0, scale, 1.0)
    return found


def spanning_edges(distances: np.ndarray, kept: np.ndarray) -> set[tuple[int, int]]:
    """The edges of the shortest tree that links some words of a sentence, the smaller place first.

    Args:
        distances: (L, L), not negative.
        kept: places of the words.
    """
    # A distance of 0 would be no edge; one constant more on every edge changes no tree.
    weights = distances[np.ix_(kept, kept)] + 1.0
    tree = minimum_spanning_tree(np.triu(weights, 1)).tocoo()
    return {(int(kept[i]), int(kept[j])) for i, j in zip(tree.row, tree.col, strict=True)}


def tree_edges(heads: Sequence[int], kept: np.ndarray) -> set[tuple[int, int]]:
    """The edges of a tree whose both ends are kept, the smaller place first.

    Args:
        heads: as of Parsed.
        kept: places of words.
    """
    edges = {(min(i, head - 1), max(i, head - 1)) for i, head in enumerate(heads) if head}
    some = set(kept.tolist())
    return {edge for edge in edges if some.issuperset(edge)}


def scores(
    given: Tree, true: Tree, heads: Sequence[int], kept: np.ndarray
) -> tuple[list[float], list[float]]:
    """Of one sentence its part in every figure, and the weight of that; 0 where it has no say.

    Correlations of distances, edges that are found, of depths, and whether the root is.

    Args:
        given: predicted.
        true: of its tree.
        heads: as of Parsed.
        kept: places of words that are no punctuation.
    """
    correlates = SHORTEST <= len(heads) <= LONGEST
    edges = tree_edges(heads, kept)
    right = len(edges & spanning_edges(given[0], kept)) if edges else 0
    chooses = len(kept) > 1  # a single word is the root
    highest = kept[given[1][kept] == given[1][kept].min(initial=np.inf)]
    values = [
        spearman_of_rows(given[0], true[0]).mean() if correlates else 0.0,
        right / max(len(edges), 1),
        spearman_of_rows(given[1][None], true[1][None])[0] if correlates else 0.0,
        float((highest == root_of(heads)).sum() / max(len(highest), 1)) if chooses else 0.0,
    ]
    return values, [float(correlates), float(len(edges)), float(correlates), float(chooses)]
