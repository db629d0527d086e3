from pathlib import Path
from typing import Any

import pytest
from made_records import COLUMNS, add_baselines, add_run, answers

from results.comparison import Stratum, strata
from results.record import RunRecord
from results.rows import StoredRun
from results.settings import leading
from results.store import ResultStore

TASK = ("probe task", "accuracy")


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def compared(store: ResultStore, records: list[RunRecord]) -> list[Stratum]:
    return strata([StoredRun(record, store) for record in records])


def labels(stratum: Stratum) -> list[str]:
    return [row.label for row in stratum.models]


def probe(train_per_class: int) -> dict[str, Any]:
    return {"probes": {"task": {"kind": "task", "train_per_class": train_per_class}}}


def test_rows_stand_in_one_order_whatever_order_they_come_in(store: ResultStore) -> None:
    records = [add_run(store, name, answers(0.5)) for name in ("mlm", "clm", "simcse")]
    for order in (records, records[::-1]):
        (stratum,) = compared(store, order)
        assert labels(stratum) == ["clm", "mlm", "simcse"]


def test_columns_are_those_of_all_records(store: ResultStore) -> None:
    """Single runs each measured under their own loss: every column keeps its own heading."""
    records = [
        add_run(store, "clm", answers(0.5), nats={"clm": 5.0}, columns={"clm": COLUMNS["clm"]}),
        add_run(store, "rtd", answers(0.5), nats={"rtd": 41.7}, columns={"rtd": {"family": "DAE"}}),
    ]
    (stratum,) = compared(store, records)
    assert stratum.traits("loss clm")["family"] == "LM"
    assert stratum.traits("loss rtd")["family"] == "DAE"


def test_a_probe_with_other_settings_is_another_column(store: ResultStore) -> None:
    """One command that sweeps a probe's setting: one model, two columns, nothing averaged."""
    records = [
        add_run(store, "clm", answers(0.2), settings=probe(20)),
        add_run(store, "clm", answers(0.4), settings=probe(400)),
        add_run(store, "mlm", answers(0.3), settings=probe(400)),
    ]
    (stratum,) = compared(store, records)
    assert labels(stratum) == ["clm", "mlm"]
    clm, mlm = stratum.models
    few, many = (f"probe task (train_per_class={n})" for n in (20, 400))
    found = {name: stratum.estimate(clm, name, "accuracy") for name in (few, many)}
    assert {name: e.value for name, e in found.items() if e} == {few: 0.2, many: 0.4}
    assert stratum.estimate(mlm, few, "accuracy") is None
    assert stratum.contrast(clm, mlm, many, "accuracy") is not None


def test_a_further_measurement_of_one_model_adds_to_its_row(store: ResultStore) -> None:
    records = [
        add_run(store, "clm", answers(0.5), nats={"clm": 5.0}),
        add_run(store, "clm", answers(0.5), nats={"simcse": 1.0}, settings={"probes": {}}),
    ]
    (stratum,) = compared(store, records)
    (row,) = stratum.models
    assert len(row.models) == 1
    assert stratum.estimate(row, "loss clm", "nats")
    assert stratum.estimate(row, "loss simcse", "nats")


def test_another_recipe_is_another_row_and_named(store: ResultStore) -> None:
    other = {"trainer": {"weight_decay": 0.3}, "model": {"dropout": 0.3}}
    records = [add_run(store, name, answers(0.5)) for name in ("clm", "mlm")]
    records += [
        add_run(store, "rtd", answers(0.5), settings=other),
        add_run(store, "clm", answers(0.5), seed=1, settings=other),
    ]
    (stratum,) = compared(store, records)
    told = "(model.dropout=0.3, trainer.weight_decay=0.3)"
    # Two of four rows each: neither is usual, so all are named.
    assert f"rtd {told}" in labels(stratum)
    assert f"clm {told}" in labels(stratum)
    assert len(labels(stratum)) == 4
    (three,) = compared(store, records[:3])
    assert labels(three) == ["clm", "mlm", f"rtd {told}"]


def test_runs_of_other_code_are_not_seeds_of_one_row(store: ResultStore) -> None:
    records = [
        add_run(store, "clm", answers(0.5)),
        add_run(store, "mlm", answers(0.5)),
        add_run(store, "mlm", answers(0.5), source="later"),
    ]
    assert sorted(len(stratum.models) for stratum in compared(store, records)) == [1, 2]


def test_runs_that_were_all_made_again_by_later_code_are_left_out(store: ResultStore) -> None:
    records = [add_run(store, name, answers(0.5)) for name in ("clm", "mlm")]
    for name in ("clm", "mlm", "simcse"):
        when = "2026-02-01T00:00:00+00:00"
        records.append(add_run(store, name, answers(0.6), source="later", created=when))
    (stratum,) = compared(store, records)
    assert labels(stratum) == ["clm", "mlm", "simcse"]


def test_a_plugins_versions_are_rows_of_their_own(store: ResultStore) -> None:
    records = [
        add_run(store, "mine", answers(0.5), seed=seed, plugin=str(seed) * 64) for seed in (0, 1)
    ]
    (stratum,) = compared(store, records)
    assert labels(stratum) == ["mine (plugin=00000000)", "mine (plugin=11111111)"]


def test_the_untrained_row_is_the_one_measured_alike(store: ResultStore) -> None:
    """Adapted heads and fine-tuning follow the trainer, before training as after it."""
    decay = {"trainer": {"weight_decay": 0.3}}
    records = [
        add_run(store, "clm", answers(0.5)),
        add_run(store, "clm", answers(0.5), settings=decay),
    ]
    records += [
        add_run(store, "untrained", answers(0.3), kind="untrained"),
        add_run(store, "untrained", answers(0.1), kind="untrained", settings=decay),
    ]
    (stratum,) = compared(store, records)
    starts = [stratum.start_of(row) for row in stratum.models]
    found = [stratum.estimate(start, *TASK) for start in starts if start]
    assert sorted(each.value for each in found if each) == [0.1, 0.3]


def test_untrained_rows_that_agree_are_one(store: ResultStore) -> None:
    scale = {"trainer": {"learning_rate_scale": 0.5}}
    records = [
        add_run(store, "clm", answers(0.5)),
        add_run(store, "clm", answers(0.6), settings=scale),
    ]
    records += [
        add_run(store, "untrained", answers(0.3), kind="untrained", settings=settings)
        for settings in (None, scale)
    ]
    (stratum,) = compared(store, records)
    (start,) = stratum.untrained
    assert start.label == "untrained"
    assert all(stratum.start_of(row) is start for row in stratum.models)


def test_a_simple_method_is_contrasted_with_every_seed(store: ResultStore) -> None:
    records = [add_run(store, "clm", answers(0.6), seed=seed) for seed in (0, 1, 2)]
    records.append(add_baselines(store, words=answers(0.5)))
    (stratum,) = compared(store, records)
    words = stratum.baseline("words")
    assert words is not None
    found = stratum.contrast(stratum.models[0], words, *TASK)
    assert found is not None
    assert found.seeds == (0, 1, 2)
    assert found.difference == pytest.approx(0.1)


def test_models_without_a_shared_seed_are_not_contrasted(store: ResultStore) -> None:
    records = [
        add_run(store, "clm", answers(0.9)),
        add_run(store, "mlm", answers(0.5), seed=1),
    ]
    (stratum,) = compared(store, records)
    assert stratum.contrast(*stratum.models, *TASK) is None


def test_a_setting_that_follows_from_another_is_not_named_beside_it() -> None:
    names = ["model.weights", "trainer.learning_rate_scale"]
    follows = [dict(zip(names, values, strict=True)) for values in (("random", 1), ("old", 0.05))]
    assert leading(names, follows) == ["model.weights"]
    assert leading(names[1:], follows) == names[1:]
    own = [*follows, {"model.weights": "old", "trainer.learning_rate_scale": 0.1}]
    assert leading(names, own) == names
