"""How a model's vectors lie: alignment, uniformity, anisotropy, rank; by layer."""

import base64
from dataclasses import replace

import numpy as np

from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.corpora.prose import NaturalPairs
from runners.measures.measurement import Measurement, example_rows, not_numbers
from runners.measures.text_model import TextModel

ALIGNMENT = Metric("alignment", "alignment", better="lower", estimator="ratio")
UNIFORMITY = Metric("uniformity", "uniformity", better="lower", estimator="ratio")
MEAN_COSINE = Metric("mean_cosine", "mean cosine", better="lower", estimator="ratio")
RANK = Metric("rankme", "RankMe", estimator="ratio")

STORED = 256
"""Vectors of a model that are kept, so that models can be held beside each other."""


def texts_of(corpus: Corpus, pairs: NaturalPairs | None, limit: int) -> list[str]:
    """Held-out texts: the bodies of natural pairs, or without them documents."""
    if pairs is not None:
        return pairs.bodies
    return list(corpus.documents("test")["text"].drop_duplicates()[:limit])


def measure_geometry(
    model: TextModel, texts: list[str], pairs: NaturalPairs | None
) -> list[Measurement]:
    """The figures of the last layer, with its vectors of the first texts as an exhibit.

    Those of layers below follow, `uniformity_layer_1`.
    """
    states = model.states(texts).values[0]  # (layers + 1, N, D)
    others = None if pairs is None else model.states(pairs.summaries).values[0]
    found = []
    for place in reversed(range(len(states))):
        measured = _figures(states[place], None if others is None else others[place])
        layer = model.layers + 1 - len(states) + place
        found += measured if layer == model.layers else [_below(each, layer) for each in measured]
    return found


def _below(measured: Measurement, layer: int) -> Measurement:
    """A figure of a layer that is not the last, without vectors."""
    metric = measured.metric
    name, title = f"{metric.name}_layer_{layer}", f"{metric.title}, layer {layer}"
    return replace(measured, metric=replace(metric, name=name, title=title), exhibits=())


def _figures(vectors: np.ndarray, others: np.ndarray | None) -> list[Measurement]:
    metrics = [UNIFORMITY, MEAN_COSINE, RANK, *([] if others is None else [ALIGNMENT])]
    reason = not_numbers(
        "vectors", vectors if others is None else np.concatenate([vectors, others])
    )
    if reason:
        return [Measurement(metric, None, note=reason) for metric in metrics]
    kept = vectors[:STORED].astype(np.float32)
    exhibit = {"shape": list(kept.shape), "vectors": base64.b64encode(kept.tobytes()).decode()}
    measured = [
        Measurement(UNIFORMITY, uniformity(vectors)),
        Measurement(MEAN_COSINE, mean_cosine(vectors)),
        Measurement(RANK, rankme(vectors), exhibits=(exhibit,)),
    ]
    if others is not None:
        distances = alignments(others, vectors)
        rows = example_rows(distances, [str(i) for i in range(len(distances))])
        measured.append(Measurement(ALIGNMENT, float(distances.mean()), examples=rows))
    return measured


def alignments(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) squared distances of the i-th rows on the unit sphere (Wang and Isola 2020)."""
    distances: np.ndarray = ((_on_sphere(first) - _on_sphere(second)) ** 2).sum(1)
    return distances


def uniformity(vectors: np.ndarray) -> float:
    """Log of the mean of exp(-2 d^2) over all pairs of N vectors on the unit sphere.

    Near -4 for many even directions, 0 for one (Wang and Isola 2020).
    """
    return float(np.log(np.exp(-2 * (2 - 2 * _cosines_of_pairs(vectors))).mean()))


def mean_cosine(vectors: np.ndarray) -> float:
    """Mean cosine of all pairs of N vectors: 1 where all point the same way (Ethayarajh 2019)."""
    return float(_cosines_of_pairs(vectors).mean())


def rankme(vectors: np.ndarray) -> float:
    """Exp of the entropy of the singular values' shares of an (N, D) matrix (Garrido et al. 2023).

    From 1, one direction, to min(N, D), all alike.
    """
    values = np.linalg.svd(vectors.astype(np.float64), compute_uv=False)
    shares = values / max(values.sum(), 1e-12)
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _cosines_of_pairs(vectors: np.ndarray) -> np.ndarray:
    """(N (N - 1) / 2,) cosines of every two."""
    unit = _on_sphere(vectors)
    cosines: np.ndarray = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
    return cosines


def _on_sphere(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float64)
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
