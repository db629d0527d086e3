import base64
import math
from typing import Any

import numpy as np
import pytest

from runners.corpora.prose import NaturalPairs
from runners.measures.geometry import (
    STORED,
    alignments,
    mean_cosine,
    measure_geometry,
    rankme,
    uniformity,
)
from runners.measures.readouts import States


def test_figures_are_those_of_slow_loops() -> None:
    vectors = np.random.default_rng(0).normal(size=(12, 5)) + 0.5
    unit = [[x / math.hypot(*vector) for x in vector] for vector in vectors.tolist()]
    pairs = [(i, j) for i in range(12) for j in range(i)]
    squared = [sum((a - b) ** 2 for a, b in zip(unit[i], unit[j], strict=True)) for i, j in pairs]
    spread = math.log(sum(math.exp(-2 * d) for d in squared) / len(pairs))
    assert uniformity(vectors) == pytest.approx(spread)
    assert mean_cosine(vectors) == pytest.approx(1 - sum(squared) / len(pairs) / 2)
    shares = np.linalg.svd(vectors, compute_uv=False)
    shares = shares / shares.sum()
    assert rankme(vectors) == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)))
    found = alignments(vectors[:6], vectors[6:])
    for value, one, other in zip(found, unit[:6], unit[6:], strict=True):
        assert value == pytest.approx(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))


def test_the_ends_of_the_scales() -> None:
    same = np.ones((20, 4))
    assert mean_cosine(same) == pytest.approx(1)
    assert uniformity(same) == pytest.approx(0)
    assert rankme(same) == pytest.approx(1, abs=1e-6)
    assert rankme(np.eye(16)) == pytest.approx(16)
    even = np.random.default_rng(1).normal(size=(500, 64))
    assert uniformity(even) == pytest.approx(-4, abs=0.2)
    assert not alignments(even, 2 * even).round(9).any()


class Vectors:
    """Stands for a model of two layers, the last of them spoilt."""

    layers = 2

    def __init__(self, spoilt: float | None = None) -> None:
        self._spoilt = spoilt

    def states(self, texts: list[str]) -> States:
        drawn = (
            np.random.default_rng(len(texts[0])).normal(size=(3, len(texts), 4)).astype(np.float32)
        )
        if self._spoilt is not None:
            drawn[2, 0, 0] = self._spoilt
        return States(drawn[None], self.layers)


def test_every_layer_is_told_and_the_vectors_of_the_last_are_kept() -> None:
    count = STORED + 10
    bodies = [f"body {i}" for i in range(count)]
    pairs = NaturalPairs([f"summary {i}" for i in range(count)], bodies, bodies)
    model: Any = Vectors()
    found = {each.metric.name: each for each in measure_geometry(model, bodies, pairs)}
    last = model.states(bodies).values[0, 2]
    names = {"uniformity", "mean_cosine", "rankme", "alignment"}
    assert set(found) == names | {f"{name}_layer_{k}" for name in names for k in (0, 1)}
    assert found["rankme"].value == pytest.approx(rankme(last))
    assert found["rankme_layer_1"].value == pytest.approx(rankme(model.states(bodies).values[0, 1]))
    kept = [exhibit for each in found.values() for exhibit in each.exhibits]
    (stored,) = kept
    flat = np.frombuffer(base64.b64decode(stored["vectors"]), np.float32)
    np.testing.assert_array_equal(flat.reshape(stored["shape"]), last[:STORED])
    rows = found["alignment"].examples
    assert rows is not None
    assert rows["value"].mean() == pytest.approx(found["alignment"].value)


def test_answers_that_are_no_numbers_have_no_figure_and_no_pairs_no_alignment() -> None:
    model: Any = Vectors(np.nan)
    found = {e.metric.name: e for e in measure_geometry(model, ["a", "b", "c", "d"], None)}
    assert "alignment" not in found
    assert found["rankme"].value is None
    assert found["rankme"].note == "1 of 4 vectors are no numbers"
    assert found["rankme_layer_1"].value is not None
