"""The structural probe's map: squared lengths of mapped vectors are distances in a tree.

Hewitt & Manning 2019, "A Structural Probe for Finding Syntax in Word Representations".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from runners.measures.linear import held_back
from runners.measures.read_once import choosing

RANK = 64
"""Rows of the map; in the paper nothing is gained above it."""

EPOCHS = 10
STEP = 1 / 8
"""Adam's learning rate, in standard deviations of the map's first weights, so that it suits every
width; of 128 features it is the paper's 1e-3. It falls linearly to 0."""

SENTENCES_PER_UPDATE = 20
UPDATES_PER_EPOCH = 50
"""At least, where there are as many sentences: of few sentences an update takes fewer."""


@dataclass(frozen=True, eq=False, slots=True)
class StructuralMap:
    """A fitted map, the paper's B.

    Attributes:
        choice: the place of the vectors that were chosen.
        mean, scale: (D,) of their features over the training words.
        scores: of each that was offered, minus its mean loss on the fifth held back; empty where
            nothing was chosen.
        weight: (D + 1, K), of features at variance 1 and of a constant, which no distance sees;
            the mean of raw vectors stands for it in the paper.
    """

    choice: int
    mean: np.ndarray
    scale: np.ndarray
    weight: Tensor
    scores: tuple[float, ...] = ()

    def distances(self, vectors: np.ndarray) -> np.ndarray:
        """(L, L) predicted distances of a sentence's words, from their (L, D) vectors."""
        mapped = self._mapped(vectors)
        found: np.ndarray = cdist(mapped, mapped, "sqeuclidean")  # of equal vectors exactly 0
        return found

    def depths(self, vectors: np.ndarray) -> np.ndarray:
        """(L,) predicted depths, from (L, D) vectors."""
        found: np.ndarray = np.square(self._mapped(vectors)).sum(1)
        return found

    def _mapped(self, vectors: np.ndarray) -> np.ndarray:
        mapped = _with_constant((vectors - self.mean) / self.scale) @ self.weight
        found: np.ndarray = mapped.double().numpy()
        return found


def _squared(mapped: Tensor, *, pairs: bool) -> Tensor:
    """(..., L, L) squared distances of (..., L, K) vectors, or their (..., L) squared lengths."""
    lengths = mapped.square().sum(-1)
    if not pairs:
        return lengths
    products = mapped @ mapped.mT
    return (lengths[..., :, None] + lengths[..., None, :] - 2 * products).clamp(min=0)


def fit_structural_to_best(
    choices: np.ndarray,
    lengths: Sequence[int],
    targets: Sequence[np.ndarray],
    groups: Sequence[str],
    *,
    seed: int,
) -> StructuralMap:
    """The map with the lowest loss; which vectors it reads is chosen on a fifth held back.

    The loss is the paper's, |predicted - true| over all pairs of words by the square of the
    sentence's length; of depths over all words by the length.

    Args:
        choices: (C, W, D) vectors of the words of all sentences, one after the other; of equals
            the first is taken.
        lengths: of N sentences, W words in all.
        targets: of each sentence, the (L, L) distances of its words or their (L,) depths.
        groups: of each sentence; one of them is on one side of what is held back.
        seed: of the map's beginning and the order of sentences.
    """
    chosen, scores = 0, ()
    if len(choices) > 1:
        with choosing(choices, targets):
            inner, held = held_back(np.zeros(len(lengths), dtype=int), groups)
            training = _Training(choices, lengths, targets)
            losses = training.losses(training.fit(inner, seed), held) / len(held)
        chosen, scores = int(losses.argmin()), tuple((-losses).tolist())
    training = _Training(choices[chosen : chosen + 1], lengths, targets)
    weight = training.fit(np.arange(len(lengths)), seed)[0]
    return StructuralMap(chosen, training.mean[0, 0], training.scale[0, 0], weight, scores)


@dataclass(frozen=True, eq=False, slots=True)
class _Batch:
    """N sentences, padded.

    Attributes:
        vectors: (C, N, L, D + 1).
        targets: (N, L, L) or (N, L).
        weights: of each target in the mean loss of a sentence, summed over sentences.
    """

    vectors: Tensor
    targets: Tensor
    weights: Tensor

    def losses(self, weight: Tensor) -> Tensor:
        """(C,) sums over sentences, under (C, D + 1, K) maps."""
        mapped = self.vectors.flatten(1, 2) @ weight  # (C, N L, K)
        mapped = mapped.view(*self.vectors.shape[:3], weight.shape[-1])
        predicted = _squared(mapped, pairs=self.targets.ndim == 3)
        return ((predicted - self.targets).abs() * self.weights).flatten(1).sum(1)


class _Training:
    """Sentences to fit maps on, of C kinds of vectors at once; none of them knows of the others."""

    def __init__(
        self, choices: np.ndarray, lengths: Sequence[int], targets: Sequence[np.ndarray]
    ) -> None:
        self._choices, self._targets = choices, targets
        self._lengths = np.array(lengths)
        self._starts = np.cumsum([0, *lengths])[:-1]
        self.mean = choices.mean(1, keepdims=True)
        spread = choices.std(1, keepdims=True)
        self.scale = np.where(spread > 0, spread, 1.0).astype(choices.dtype)

    def fit(self, places: np.ndarray, seed: int) -> Tensor:
        """(C, D + 1, K) maps, fitted to the sentences at these places."""
        generator = torch.Generator().manual_seed(seed)
        count, _, width = self._choices.shape
        shape = (count, width + 1, min(width, RANK))
        spread = (2 * shape[1] * shape[2]) ** -0.5  # so that distances begin at about 1
        weight: Tensor = (spread * torch.randn(shape, generator=generator)).requires_grad_()
        size = min(SENTENCES_PER_UPDATE, max(1, len(places) // UPDATES_PER_EPOCH))
        updates = EPOCHS * -(-len(places) // size)
        optimizer = torch.optim.Adam([weight], lr=STEP * spread)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / updates)
        for _ in range(EPOCHS):
            shuffled = places[torch.randperm(len(places), generator=generator).numpy()]
            parts = list(self._parts(shuffled, size))
            for part in torch.randperm(len(parts), generator=generator).tolist():
                loss = self._batch(parts[part]).losses(weight).sum() / len(parts[part])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        return weight.detach()

    @torch.no_grad()
    def losses(self, weight: Tensor, places: np.ndarray) -> Tensor:
        """(C,) mean losses of the sentences at these places."""
        parts = self._parts(places, SENTENCES_PER_UPDATE)
        return torch.stack([self._batch(part).losses(weight) for part in parts]).sum(0)

    def _parts(self, places: np.ndarray, size: int) -> Iterator[np.ndarray]:
        """So many sentences of about one length each: what is padded costs time."""
        ordered = places[np.argsort(self._lengths[places], kind="stable")]
        return (ordered[start : start + size] for start in range(0, len(ordered), size))

    def _batch(self, places: np.ndarray) -> _Batch:
        lengths = self._lengths[places]
        longest, dims = int(lengths.max()), self._targets[places[0]].ndim
        count, _, width = self._choices.shape
        vectors = np.zeros((count, len(places), longest, width), dtype=np.float32)
        targets = np.zeros((len(places), *(longest,) * dims), dtype=np.float32)
        weights = np.zeros_like(targets)
        for row, (place, length) in enumerate(zip(places, lengths, strict=True)):
            words = slice(self._starts[place], self._starts[place] + length)
            vectors[:, row, :length] = (self._choices[:, words] - self.mean) / self.scale
            here = (row, *(slice(0, length),) * dims)
            targets[here] = self._targets[place]
            weights[here] = 1 / max(length, 1) ** dims  # of none a model may read a word
        return _Batch(_with_constant(vectors), torch.from_numpy(targets), torch.from_numpy(weights))


def _with_constant(vectors: np.ndarray) -> Tensor:
    """(..., D + 1), with a last feature of 1."""
    found = torch.from_numpy(np.asarray(vectors, dtype=np.float32))
    return torch.cat([found, torch.ones((*found.shape[:-1], 1))], -1)
