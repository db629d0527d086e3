"""How alike two models' vectors of the same texts are, whatever turns or scales either space."""

import numpy as np

LEAST = 1e-12
"""Of the mean square of the products: what is below it comes of rounding."""


def cka(first: np.ndarray, second: np.ndarray) -> float | None:
    """Debiased linear CKA (Kornblith et al. 2019, with the unbiased HSIC of Song et al. 2012).

    Args:
        first: (N, D) vectors of N texts, at least 4.
        second: (N, E) vectors of the same texts.

    Returns:
        1 for equal up to rotation and scale, about 0 for unrelated ones, where it may fall below;
        None where one side does not vary: its products by less than a millionth of them.
    """
    products = [
        vectors.astype(np.float64) @ vectors.astype(np.float64).T for vectors in (first, second)
    ]
    for product in products:
        np.fill_diagonal(product, 0.0)
    own = [_hsic(product, product) for product in products]
    whole = [float((product**2).mean()) for product in products]
    if any(each <= LEAST * scale for each, scale in zip(own, whole, strict=True)):
        return None
    return float(_hsic(products[0], products[1]) / (np.sqrt(own[0]) * np.sqrt(own[1])))


def _hsic(first: np.ndarray, second: np.ndarray) -> float:
    """The unbiased estimator, of two (N, N) kernels whose diagonals are 0."""
    count = len(first)
    whole = first.sum() * second.sum() / ((count - 1) * (count - 2))
    crossed = 2 / (count - 2) * float(first.sum(0) @ second.sum(0))
    return float(((first * second).sum() + whole - crossed) / (count * (count - 3)))
