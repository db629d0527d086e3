"""Texts with classes, or pairs of them, and the vectors that stand for a pair."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import hstack, issparse

from runners.probes.overlap import normalized_text


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts with classes.

    Attributes:
        texts: the examples.
        labels: their classes.
        groups: units of resampling, such as the module of a docstring.
        seconds: of pairs, the second texts; else empty.
    """

    texts: list[str]
    labels: list[str]
    groups: list[str]
    seconds: list[str] = field(default_factory=list)

    @property
    def sides(self) -> list[list[str]]:
        """The texts, and those of pairs again."""
        return [self.texts, self.seconds] if self.seconds else [self.texts]

    @property
    def passages(self) -> list[str] | list[tuple[str, str]]:
        """Each example as one passage, as fine-tuning reads it."""
        return list(zip(self.texts, self.seconds, strict=True)) if self.seconds else self.texts

    @property
    def keys(self) -> list[str]:
        """What makes two examples one text, whatever their spacing."""
        return ["\n".join(map(normalized_text, each)) for each in zip(*self.sides, strict=True)]


def joined(first: Any, second: Any | None = None) -> Any:
    """(N, D) vectors of texts; of pairs (N, 4 D): both, their distance and their product.

    As in InferSent (Conneau et al. 2017). Sparse ones stay sparse.
    """
    if second is None:
        return first
    if issparse(first):
        return hstack([first, second, abs(first - second), first.multiply(second)], format="csr")
    return np.concatenate([first, second, np.abs(first - second), first * second], 1)
