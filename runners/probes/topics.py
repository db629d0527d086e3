"""Latent semantic analysis: which of two words goes with the other words of a text?"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from runners.probes.classification import WORDS

DIMENSIONS, MIN_DOCUMENTS, FEW_DOCUMENTS = 128, 3, 1000


def topic_margins(training: tuple[str, ...], good: Sequence[str], bad: Sequence[str]) -> np.ndarray:
    """How much better the word of each good text goes with the rest of it than that of the bad.

    Texts are sums of TF-IDF weighted words in the leading dimensions of the documents' words
    (Deerwester et al. 1990). What both texts of a pair share is the rest; the words that only one
    has are compared with it by the cosine. Pairs that differ in order alone are ties.

    Args:
        training: documents.
        good: (N,) texts.
        bad: (N,) texts.

    Returns:
        (N,) float64, difference of cosines.
    """
    words, dimensions = _analysis(training)
    counted = [words.transform(texts) for texts in (good, bad)]  # (N, V) each
    shared = counted[0].minimum(counted[1])
    rest = _unit(shared @ dimensions)  # (N, D)
    only = [_unit((one - shared) @ dimensions) for one in counted]
    margins: np.ndarray = ((only[0] - only[1]) * rest).sum(1)
    return margins


@lru_cache(maxsize=1)
def _analysis(training: tuple[str, ...]) -> tuple[TfidfVectorizer, np.ndarray]:
    """Weights of words that do not depend on the rest of a text, and (V, D) their vectors."""
    rare = MIN_DOCUMENTS if len(training) >= FEW_DOCUMENTS else 1
    words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS, min_df=rare)
    weights = words.fit_transform(training)
    words.norm = None
    svd = TruncatedSVD(min(DIMENSIONS, weights.shape[1]), random_state=0).fit(weights)
    vectors: np.ndarray = svd.components_.T
    return words, vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.maximum(norms, np.finfo(float).tiny)
    return unit
