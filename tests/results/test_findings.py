from pathlib import Path

import numpy as np
import pytest
from made_records import add_baselines, add_run, answers

from results.comparison import Stratum, strata
from results.findings import best_simple, findings, floors, primary_figures
from results.record import Metric, Value
from results.rows import StoredRun
from results.store import ResultStore


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def sweep(store: ResultStore, **shares: dict[int, float]) -> Stratum:
    """Objectives by seed and share of right answers."""
    records = [
        add_run(store, name, answers(share), seed=seed)
        for name, seeds in shares.items()
        for seed, share in seeds.items()
    ]
    (stratum,) = strata([StoredRun(record, store) for record in records])
    return stratum


def test_a_lead_is_over_every_rival_on_shared_seeds(store: ResultStore) -> None:
    stratum = sweep(
        store, clm={0: 0.8, 1: 0.81, 2: 0.82}, mlm={0: 0.5, 1: 0.51, 2: 0.52}, rtd={0: 0.3, 1: 0.31}
    )
    (finding,) = findings(stratum)
    assert finding.leader is not None
    assert finding.leader.label == "clm"
    assert finding.resolved
    assert finding.seeds == 2


@pytest.mark.parametrize(
    "shares",
    [
        {"clm": {0: 0.6, 2: 0.9, 3: 0.9}, "mlm": {1: 0.75}},
        {"clm": {0: 0.6, 1: 0.6, 2: 0.95, 3: 0.95}, "mlm": {0: 0.7, 1: 0.7}},
    ],
)
def test_nobody_leads_by_seeds_that_the_other_has_not(
    store: ResultStore, shares: dict[str, dict[int, float]]
) -> None:
    (finding,) = findings(sweep(store, **shares))
    assert not (finding.resolved and finding.leader and finding.leader.label == "clm")


def test_a_third_that_is_open_keeps_the_lead_open(store: ResultStore) -> None:
    stratum = sweep(
        store,
        clm={0: 0.80, 1: 0.81, 2: 0.80},
        mlm={0: 0.70, 1: 0.71, 2: 0.70},
        rtd={0: 0.55, 1: 0.90, 2: 0.60},
    )
    assert not findings(stratum)[0].resolved


def test_equal_differences_at_both_seeds_are_not_a_lead(store: ResultStore) -> None:
    records = [
        add_run(store, name, answers(share, 20), seed=seed)
        for name, share in (("clm", 0.6), ("mlm", 0.55))
        for seed in (0, 1)
    ]
    (stratum,) = strata([StoredRun(record, store) for record in records])
    assert not findings(stratum)[0].resolved


def test_many_objectives_can_still_be_told_apart(store: ResultStore) -> None:
    generator = np.random.default_rng(0)
    shares = {f"o{i:02}": {0: 0.1 + generator.random() / 10} for i in range(14)}
    stratum = sweep(store, best={0: 0.9}, **shares)
    (finding,) = findings(stratum)
    assert len(finding.contrasts) == 105
    assert finding.resolved


def test_settings_of_one_objective_are_tries_and_not_rivals(store: ResultStore) -> None:
    records = [
        add_run(store, "mlm", answers(share, 100), mlm_probability=rate)
        for rate, share in ((0.15, 0.60), (0.3, 0.61), (0.4, 0.62))
    ]
    records.append(add_run(store, "clm", answers(0.555, 100)))
    (stratum,) = strata([StoredRun(record, store) for record in records])
    (finding,) = findings(stratum)
    assert finding.leader is not None
    assert finding.leader.label == "mlm (mlm_probability=0.4)"
    alone = [records[2], records[3]]
    (pair,) = strata([StoredRun(record, store) for record in alone])
    assert finding.p == pytest.approx(3 * findings(pair)[0].p)


def test_of_an_undeclared_probe_its_main_figure_is_primary(store: ResultStore) -> None:
    more = tuple(
        Value("probe mine", metric, 0.5) for metric in ("accuracy_frozen", "accuracy_finetuned")
    )
    names = ("accuracy_finetuned", "accuracy_frozen")
    metrics = {"probe mine": tuple(map(Metric, names))}
    record = add_run(store, "clm", answers(0.5), more_values=more, metrics=metrics)
    (stratum,) = strata([StoredRun(record, store)])
    assert primary_figures(stratum) == [
        ("probe task", "accuracy"),
        ("probe mine", "accuracy_finetuned"),
    ]


def test_who_has_not_left_the_plateau_neither_leads_nor_is_beaten(store: ResultStore) -> None:
    """Of three, the best by far is on the plateau: 5.71 of 6.00 nats is 4.8 % better."""
    records = [
        add_run(store, name, answers(share + seed / 200), seed=seed, nats={name: nats})
        for name, share, nats in (("mlm", 0.9, 5.71), ("clm", 0.6, 5.0), ("rtd", 0.3, 40.0))
        for seed in range(3)
    ]
    records.append(add_baselines(store, words=answers(0.2)))
    (stratum,) = strata([StoredRun(record, store) for record in records])
    (finding,) = findings(stratum)
    assert [row.label for row in finding.models] == ["mlm", "clm", "rtd"]
    assert [row.label for row in finding.ranking] == ["clm", "rtd"]
    assert [(a.label, b.label) for a, b in finding.contrasts] == [("clm", "rtd")]
    assert finding.leader is finding.ranking[0]
    assert finding.resolved


def test_where_lower_is_better_the_lowest_is_first_and_floors_turn_round(
    store: ResultStore,
) -> None:
    metrics = {"probe task": (Metric("accuracy", "error", better="lower"),)}
    records = [
        add_run(store, name, answers(share + seed / 200), seed=seed, kind=kind, metrics=metrics)
        for name, share, kind in (
            ("clm", 0.2, "run"),
            ("mlm", 0.4, "run"),
            ("untrained", 0.3, "untrained"),
        )
        for seed in range(3)
    ]
    records.append(add_baselines(store, good=answers(0.1), bad=answers(0.9)))
    (stratum,) = strata([StoredRun(record, store) for record in records])
    (finding,) = findings(stratum)
    assert [row.label for row in finding.ranking] == ["clm", "mlm"]
    assert finding.leader is finding.ranking[0]
    assert finding.resolved
    best = best_simple(stratum, finding.figure)
    assert best is not None
    assert best.label == "good"
    found = [floors(stratum, row, finding.figure) for row in finding.ranking]
    assert [each.beside_start for each in found] == [1, -1]
    assert [each.beside_simple for each in found] == [-1, -1]


def test_a_tie_at_the_top_leaves_the_lead_to_nobody_below(store: ResultStore) -> None:
    """At dropout 0.2 the two are equal and far above what leads at dropout 0."""
    records = [
        add_run(
            store,
            name,
            np.roll(answers(share + seed / 200), 7 * (name == "mlm" and dropout > 0)),
            seed=seed,
            settings={"model": {"dropout": dropout}},
        )
        for dropout, shares in ((0.0, {"clm": 0.6, "mlm": 0.5}), (0.2, {"clm": 0.75, "mlm": 0.75}))
        for name, share in shares.items()
        for seed in range(3)
    ]
    (stratum,) = strata([StoredRun(record, store) for record in records])
    (finding,) = findings(stratum)
    assert finding.leader is None
    (low,) = strata([StoredRun(r, store) for r in records if r.config["model"]["dropout"] == 0])
    assert findings(low)[0].resolved


def test_a_declared_figure_that_was_not_measured_drops_no_probe(store: ResultStore) -> None:
    settings = {"measures": {"primary": ["task accuracy_knn"]}}
    record = add_run(store, "clm", answers(0.5), settings=settings)
    (stratum,) = strata([StoredRun(record, store)])
    assert primary_figures(stratum) == [("probe task", "accuracy")]
