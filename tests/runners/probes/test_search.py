"""Rankings are scored as slow loops score them, and BM25 is its formula."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from runners.corpora.corpus import Corpus
from runners.measures.readouts import States
from runners.probes.search import K1, B, Judged, SearchProbe, SearchTask, bm25


class Vectors:
    """Stands for a model: `below` and the only block."""

    layers = 1

    def __init__(self, below: dict[str, list[float]], last: dict[str, list[float]]) -> None:
        self._sides = below, last

    def states(self, texts: list[str]) -> States:
        layers = [[side[text] for text in texts] for side in self._sides]
        return States(np.array([layers], np.float32), self.layers)


def slow(scores: list[float], gains: dict[int, float], depth: int = 10) -> tuple[float, ...]:
    """nDCG, reciprocal rank and recall without ties."""
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    found = [gains.get(place, 0.0) for place in order]
    dcg = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(found[:depth], start=1))
    best = sorted(gains.values(), reverse=True)[:depth]
    ideal = sum(gain / math.log2(rank + 1) for rank, gain in enumerate(best, start=1))
    first = next(rank for rank, gain in enumerate(found, start=1) if gain)
    inside = sum(gain > 0 for gain in found[:depth])
    return dcg / ideal, 1 / first, inside / len(gains)


def test_figures_are_those_of_a_slow_loop() -> None:
    generator = np.random.default_rng(0)
    documents = [f"d{i}" for i in range(30)]
    queries = [f"q{i}" for i in range(12)]
    relevant = [
        {int(i): float(generator.integers(1, 4)) for i in generator.choice(30, 1 + n % 4, False)}
        for n in range(12)
    ]
    vectors = {text: generator.normal(size=8).tolist() for text in [*documents, *queries]}
    task = SearchTask(documents, Judged(queries, relevant), Judged([], []))
    model: Any = Vectors(vectors, vectors)
    found = {m.metric.name: m for m in task.evaluate(model, seed=0)}

    def cosine(a: list[float], b: list[float]) -> float:
        return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))

    expected = [
        slow([cosine(vectors[query], vectors[d]) for d in documents], gains)
        for query, gains in zip(queries, relevant, strict=True)
    ]
    for name, values in zip(
        ("ndcg_at_10", "mrr", "recall_at_10"), zip(*expected, strict=True), strict=True
    ):
        assert found[name].value == pytest.approx(np.mean(values), abs=1e-5)
        rows = found[name].examples
        assert rows is not None
        np.testing.assert_allclose(rows["value"], values, atol=1e-5)


def test_one_vector_for_all_is_no_better_than_chance() -> None:
    documents, queries = [f"d{i}" for i in range(100)], [f"q{i}" for i in range(20)]
    same = {text: [1.0, 0.0] for text in [*documents, *queries]}
    judged = Judged(queries, [{i: 1.0} for i in range(20)])
    model: Any = Vectors(same, same)
    found = SearchTask(documents, judged, Judged([], [])).evaluate(model, seed=0)
    values = {m.metric.name: m.value for m in found}
    assert values["mrr"] == pytest.approx(1 / 50.5)
    assert values["recall_at_10"] == 0
    even = sum(1 / math.log2(rank + 1) for rank in range(1, 11)) / 100
    assert values["ndcg_at_10"] == pytest.approx(even)


def test_the_layer_is_chosen_on_validation_queries() -> None:
    documents, queries = [f"d{i}" for i in range(40)], [f"q{i}" for i in range(40)]
    axes = np.eye(40)
    own, next_one = axes.tolist(), np.roll(axes, 1, 0).tolist()
    good = dict(zip([*documents, *queries], own + own, strict=True))
    bad = dict(zip([*documents, *queries], own + next_one, strict=True))
    sides = [Judged(queries[a : a + 20], [{i: 1.0} for i in range(a, a + 20)]) for a in (0, 20)]
    model: Any = Vectors(good, bad)
    found = SearchTask(documents, sides[0], sides[1]).evaluate(model, seed=0)
    assert [m.value for m in found] == [1.0, 1.0, 1.0]
    assert "layer 0 of 1" in found[0].note
    few = Judged(sides[1].queries[:5], sides[1].relevant[:5])
    assert "layer 1 of 1" in SearchTask(documents, sides[0], few).evaluate(model, seed=0)[0].note


def test_bm25_is_its_formula() -> None:
    documents = ["the cat sat on the mat", "a dog", "cat and dog and cat", "nothing here"]
    queries = ["cat dog", "the the cat", "unknown"]
    found = bm25(queries, documents)
    split = [Counter(text.split()) for text in documents]
    mean = sum(sum(c.values()) for c in split) / len(split)
    for row, query in zip(found, queries, strict=True):
        for score, count in zip(row, split, strict=True):
            expected = 0.0
            for word in query.split():
                holding = sum(word in other for other in split)
                idf = math.log(1 + (len(split) - holding + 0.5) / (holding + 0.5))
                norm = K1 * (1 - B + B * sum(count.values()) / mean)
                expected += idf * count[word] * (K1 + 1) / (count[word] + norm)
            assert score == pytest.approx(expected)


def judgements(count: int) -> list[dict[str, Any]]:
    return [
        {"query": f"query {i // 2}", "document": f"document {i}", "score": 2 * (i % 2)}
        for i in range(count)
    ]


def test_the_users_own_judgements(corpus: Corpus, tmp_path: Path) -> None:
    file, more = tmp_path / "judged.csv", tmp_path / "more.jsonl"
    pd.DataFrame(judgements(200)).to_csv(file, index=False)
    pd.DataFrame({"document": ["document 0", "another"]}).to_json(
        more, orient="records", lines=True
    )
    probe = SearchProbe(name="mine", path=str(file), score_column="score", documents_path=str(more))
    task = probe.load(corpus, hub_dir=None, cache_dir=tmp_path)
    assert task.facts["queries"] + task.facts["queries on which the layer is chosen"] == 100
    assert task.facts["documents"] == 201
    assert task.facts["relevant documents"] == task.facts["queries"]
    found = {m.metric.name: m.value for m in task.baselines()["BM25"]}
    assert 0 < (found["mrr"] or 0) < 1


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        ([{**r, "score": 0} for r in judgements(60)], {}, "no document of .* is relevant"),
        ([{**r, "score": "high"} for r in judgements(60)], {}, "numbers from 0 up, and row"),
        ([{**r, "score": -1} for r in judgements(60)], {}, "numbers from 0 up, and row"),
        ([{**r, "score": "1_3"} for r in judgements(60)], {}, "numbers from 0 up, and row"),
        ([{**r, "query": "only"} for r in judgements(60)], {}, "leaves 1 queries with a relevant"),
        ([{**r, "document": "same"} for r in judgements(60)], {}, "are the same"),
        (judgements(60), {"documents_path": "{folder}/none.csv"}, "documents_path: there is no"),
        (judgements(60), {"documents_path": "owner/name"}, "which is no file"),
    ],
)
def test_judgements_that_cannot_be_used(
    tmp_path: Path, rows: list[dict[str, Any]], settings: dict[str, str], message: str
) -> None:
    file = tmp_path / "judged.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    settings = {key: value.format(folder=tmp_path) for key, value in settings.items()}
    probe = SearchProbe(name="mine", path=str(file), score_column="score", **settings)
    with pytest.raises(ValueError, match=f"^probe mine: .*{message}"):
        probe.open(hub_dir=None, cache_dir=tmp_path)


def test_a_query_is_judged_whole_or_not_at_all(corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "judged.csv"
    rows = [{"query": f"query {i // 3}", "document": f"document {i}"} for i in range(300)]
    pd.DataFrame(rows).to_csv(file, index=False)
    probe = SearchProbe(name="mine", path=str(file), max_test=100, max_train=20)
    task = probe.load(corpus, hub_dir=None, cache_dir=tmp_path)
    assert task.facts["relevant documents"] == 3 * task.facts["queries"]
