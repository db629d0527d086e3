from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import CORPUS, METRICS, add_baselines, add_run, answers

from results.comparison import strata
from results.diff import Difference, Pair, match_strata, matched, unlike
from results.record import Metric, RunRecord
from results.rows import StoredRun
from results.store import ResultStore

TASK = ("probe task", "accuracy")
KNOWN = {"probe_data": {"task": "a" * 64}}
OTHER_TEXT = replace(CORPUS, fingerprint="g" * 64, label="other")
OTHER_TOKENS = replace(CORPUS, fingerprint="g" * 64, tokenizer="u" * 64)
OTHER_ROWS = replace(CORPUS, fingerprint="g" * 64, sequence_length=32)


@pytest.fixture
def stores(tmp_path: Path) -> tuple[ResultStore, ResultStore]:
    return ResultStore(tmp_path / "a"), ResultStore(tmp_path / "b")


def pair_of(stores: tuple[ResultStore, ResultStore]) -> Pair:
    sides = []
    for store in stores:
        records, _ = store.records()
        sides.append(strata([StoredRun(record, store) for record in records]))
    (pair,), *left = match_strata(*sides)
    assert left == [[], []]
    return pair


def differences(pair: Pair) -> dict[tuple[str, str], Difference]:
    ((first, second),) = pair.rows
    return {each.figure: each for each in pair.differences(first, second)}


def test_the_nearest_are_pairs_and_each_only_once() -> None:
    def distance(one: int, other: int) -> int | None:
        return abs(one - other) if abs(one - other) < 5 else None

    assert matched([1, 10, 30], [9, 2, 11], distance) == ([(1, 2), (10, 9)], [30], [11])
    assert matched([], [1], distance) == ([], [], [1])


def test_a_difference_is_paired_by_test_example(stores: tuple[ResultStore, ResultStore]) -> None:
    """The same 400 examples, of which the second gets 40 more right: no chance about it."""
    add_run(stores[0], "clm", answers(0.5), **KNOWN)
    add_run(stores[1], "clm", answers(0.6), source="later", **KNOWN)
    found = differences(pair_of(stores))[TASK]
    assert found.first.value == 0.5
    assert found.second.value == 0.6
    assert found.contrast is not None
    assert found.contrast.difference == pytest.approx(0.1)
    assert found.contrast.low is not None
    assert found.contrast.high is not None
    # 40 of 400 differ, all to one side: 0.1 +- 1.97 sqrt(0.1 * 0.9 / 400), less than half of the
    # width that two unpaired shares would have
    assert found.contrast.high - found.contrast.low == pytest.approx(2 * 0.0295, rel=0.02)
    assert found.contrast.over == "examples"
    assert found.why == ""


def test_it_is_the_contrast_that_one_report_of_both_would_have(
    stores: tuple[ResultStore, ResultStore], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    together = ResultStore(tmp_path / "together")
    for seed in (0, 1, 2):
        for store, name, share in ((stores[0], "a", 0.5), (stores[1], "b", 0.6)):
            scores = (random.random(300) < share).astype(float)
            add_run(store, "clm", scores, seed=seed, settings={"model": {"dropout": share}})
            add_run(together, name, scores, seed=seed)
    found = differences(pair_of(stores))[TASK].contrast
    records, _ = together.records()
    (stratum,) = strata([StoredRun(record, together) for record in records])
    a, b = stratum.models
    assert found == stratum.contrast(b, a, *TASK)
    assert found is not None
    assert found.seeds == (0, 1, 2)
    assert found.over == "seeds and examples"


def test_other_test_examples_leave_an_interval_over_seeds_alone_or_none(
    stores: tuple[ResultStore, ResultStore],
) -> None:
    add_run(stores[0], "clm", answers(0.5, 400))
    add_run(stores[1], "clm", answers(0.6, 300))
    found = differences(pair_of(stores))[TASK]
    assert found.contrast is not None
    assert found.contrast.low is None
    assert "no test examples that both are known to share" in found.why
    add_run(stores[0], "clm", answers(0.45, 400), seed=1)
    add_run(stores[1], "clm", answers(0.6, 300), seed=1)
    found = differences(pair_of(stores))[TASK]
    assert found.contrast is not None
    assert found.contrast.over == "seeds"
    assert found.contrast.low is not None


def test_what_has_no_interval_says_why(stores: tuple[ResultStore, ResultStore]) -> None:
    add_run(stores[0], "clm", answers(0.5))
    add_run(stores[1], "clm", answers(0.5), source="later")
    assert differences(pair_of(stores))[TASK].why == "equal on every test example"


def test_seeds_that_are_not_shared_are_said(stores: tuple[ResultStore, ResultStore]) -> None:
    add_run(stores[0], "clm", answers(0.5), seed=0)
    add_run(stores[1], "clm", answers(0.6), seed=1)
    found = differences(pair_of(stores))[TASK]
    assert found.contrast is not None
    assert found.contrast.difference == pytest.approx(0.1)
    assert found.contrast.low is found.contrast.high is found.p is None
    assert found.why == "no seed in common"


def record(tmp_path: Path, name: str, **changes: Any) -> RunRecord:
    nats = {"clm": 5.0}
    return add_run(ResultStore(tmp_path / name), "clm", answers(0.5), nats=nats, **changes)


PROBE, LOSS = ("probe task", "accuracy"), ("loss clm", "nats")
ADAPTED, BITS = ("loss clm", "adapted"), ("loss clm", "bits_per_byte")


@pytest.mark.parametrize(
    ("figure", "first", "second", "why"),
    [
        (PROBE, {}, {}, ""),
        (PROBE, KNOWN, KNOWN, ""),
        (PROBE, KNOWN, {"probe_data": {"task": "b" * 64}}, "other data of the probe"),
        (PROBE, {}, {"corpus": OTHER_TEXT}, "the records do not tell whether"),
        (PROBE, {}, {"probe_facts": {"task": {"test examples": 3}}}, "the records do not tell"),
        (PROBE, KNOWN, {**KNOWN, "corpus": OTHER_TEXT}, ""),
        (
            PROBE,
            {"settings": {"probes": {"task": {"n": 20}}}},
            {"settings": {"probes": {"task": {"n": 40}}}},
            "measured otherwise: n=20 in A, n=40 in B",
        ),
        (
            PROBE,
            {},
            {"settings": {"measures": {"pooling": "cls"}}},
            "measures.pooling=mean in A, measures.pooling=cls in B",
        ),
        (PROBE, {}, {"settings": {"measures": {"candidates": 2}}}, ""),
        (PROBE, {}, {"settings": {"measures": {"adaptation_steps": 9}}}, ""),
        (PROBE, {}, {"settings": {"measures": {"primary": []}}}, ""),
        (LOSS, {}, {}, ""),
        (LOSS, {}, {"corpus": OTHER_TEXT}, "other held-out text"),
        (LOSS, {}, {"corpus": OTHER_TOKENS}, "another tokenizer"),
        (
            LOSS,
            {},
            {"corpus": OTHER_TEXT, "settings": {"measures": {"rows": 9}}},
            "other held-out text",
        ),
        (BITS, {}, {"corpus": OTHER_TOKENS}, ""),
        (BITS, {}, {"corpus": OTHER_TEXT}, "other held-out text"),
        (LOSS, {}, {"corpus": OTHER_ROWS}, "other rows of the held-out text"),
        (LOSS, {}, {"settings": {"measures": {"adaptation_steps": 9}}}, ""),
        (LOSS, {}, {"settings": {"measures": {"rows": 9}}}, "measures.rows=9 in B"),
        (LOSS, {}, {"settings": {"measures": {"candidates": 9}}}, ""),
        (
            ("loss simcse", "nats"),
            {},
            {"settings": {"measures": {"candidates": 9}}},
            "measures.candidates=64 in A, measures.candidates=9 in B",
        ),
        (("loss pairs", "nats"), {}, {"settings": {"measures": {"temperature": 9}}}, "temperature"),
        (ADAPTED, {}, {"settings": {"measures": {"adaptation_steps": 9}}}, "adaptation_steps=5 in"),
        (LOSS, {}, {"settings": {"columns": {"clm": {"shift": 2}}}}, "shift=2 in B"),
    ],
)
def test_what_cannot_be_compared_says_so(
    tmp_path: Path,
    figure: tuple[str, str],
    first: dict[str, Any],
    second: dict[str, Any],
    why: str,
) -> None:
    records = [record(tmp_path, "a", **first), record(tmp_path, "b", **second)]
    found = unlike(*records, *figure)
    assert found == why if not why else why in found


def test_a_figure_that_cannot_be_compared_has_no_difference(
    stores: tuple[ResultStore, ResultStore],
) -> None:
    for store, corpus in zip(stores, (CORPUS, OTHER_TOKENS), strict=True):
        add_run(store, "clm", answers(0.5), nats={"clm": 5.0}, corpus=corpus, **KNOWN)
    found = differences(pair_of(stores))
    assert found["loss clm", "nats"].contrast is None
    assert found["loss clm", "nats"].why.startswith("another tokenizer")
    assert found[TASK].contrast is not None


def test_rows_are_matched_by_objective_and_by_what_they_share(
    stores: tuple[ResultStore, ResultStore],
) -> None:
    for share in (0.15, 0.4):
        add_run(stores[0], "mlm", answers(0.5), mlm_probability=share)
    for share in (0.3, 0.4):
        add_run(stores[1], "mlm", answers(0.5), mlm_probability=share)
    add_run(stores[0], "clm", answers(0.5))
    add_run(stores[1], "rtd", answers(0.5))
    pair = pair_of(stores)
    labels = {(one.label, other.label) for one, other in pair.rows}
    assert labels == {
        ("mlm (mlm_probability=0.15)", "mlm (mlm_probability=0.3)"),
        ("mlm (mlm_probability=0.4)", "mlm (mlm_probability=0.4)"),
    }
    assert [[row.label for row in side] for side in pair.only] == [["clm"], ["rtd"]]


def test_groups_that_share_most_are_beside_each_other(
    stores: tuple[ResultStore, ResultStore],
) -> None:
    for store, budgets in zip(
        stores, (("1 steps", "2 steps"), ("2 steps", "3 steps")), strict=True
    ):
        for budget in budgets:
            add_run(store, "clm", answers(0.5), budget=budget)
    sides = []
    for store in stores:
        runs = [StoredRun(each, store) for each in store.records()[0]]
        sides.append(strata(runs))
    pairs, *left = match_strata(*sides)
    budgets = [(p.first.key["budget"], p.second.key["budget"]) for p in pairs]
    assert ("2 steps", "2 steps") in budgets
    assert len(pairs) == 2
    assert left == [[], []]


def test_figures_of_one_alone_are_listed(stores: tuple[ResultStore, ResultStore]) -> None:
    add_run(stores[0], "clm", answers(0.5), nats={"clm": 5.0})
    more = {**METRICS, "loss simcse": (Metric("nats", better="lower", estimator="ratio"),)}
    add_run(stores[1], "clm", answers(0.5), nats={"simcse": 5.0}, metrics=more)
    pair = pair_of(stores)
    ((first, second),) = pair.rows
    assert pair.figures_of_one(first, second) == (
        [("loss clm", "nats")],
        [("loss simcse", "nats")],
    )


def test_simple_methods_are_compared_too(stores: tuple[ResultStore, ResultStore]) -> None:
    for store, share in zip(stores, (0.5, 0.6), strict=True):
        add_run(store, "clm", answers(0.5))
        add_baselines(store, words=answers(share))
    pair = pair_of(stores)
    first, second = pair.first.baseline("words"), pair.second.baseline("words")
    assert first
    assert second
    (found,) = (each for each in pair.differences(first, second) if each.figure == TASK)
    assert found.contrast is not None
    assert found.contrast.difference == pytest.approx(0.1)
