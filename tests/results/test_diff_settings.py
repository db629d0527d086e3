from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import CORPUS, add_run, answers

from results.comparison import Stratum, strata
from results.diff_settings import changed
from results.rows import StoredRun
from results.store import ResultStore


def stratum(folder: Path, *runs: dict[str, Any]) -> Stratum:
    store = ResultStore(folder)
    records = [add_run(store, run.pop("objective", "clm"), answers(0.5), **run) for run in runs]
    (found,) = strata([StoredRun(record, store) for record in records])
    return found


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({}, {}, []),
        ({}, {"budget": "2e+12 flops"}, [("budget", "1e+12 flops", "2e+12 flops")]),
        ({}, {"source": "later"}, [("source code", "s", "later")]),
        ({}, {"seed": 1}, [("seeds", "0", "1")]),
        (
            {},
            {"corpus": replace(CORPUS, fingerprint="0123456789abcdef", label="wiki|text")},
            [("data", "made (ffffffffffff)", "wiki|text (0123456789ab)")],
        ),
        (
            {},
            {"settings": {"trainer": {"weight_decay": 0.3}, "model": {"dropout": 0.2}}},
            [("model.dropout", "0.1", "0.2"), ("trainer.weight_decay", "0.01", "0.3")],
        ),
        (
            {"mlm_probability": 0.15},
            {"mlm_probability": 0.4},
            [("objective clm: mlm_probability", "0.15", "0.4")],
        ),
        ({}, {"settings": {"measures": {"new": None}}}, []),
        ({}, {"settings": {"measures": {"new": 1}}}, [("measures.new", "", "1")]),
        (
            {"settings": {"probes": {"a": {"n": 1}, "b": {"n": 1}}}},
            {"settings": {"probes": {"a": {"n": 2}}}},
            [("probes", "a, b", "a"), ("probe a: n", "1", "2")],
        ),
    ],
)
def test_settings_that_differ(
    tmp_path: Path,
    first: dict[str, Any],
    second: dict[str, Any],
    found: list[tuple[str, str, str]],
) -> None:
    sides = [stratum(tmp_path / name, dict(run)) for name, run in (("a", first), ("b", second))]
    assert changed(*sides) == found


def test_objectives_of_one_alone_and_values_of_several(tmp_path: Path) -> None:
    one = stratum(
        tmp_path / "a", {"seed": 0}, {"seed": 1}, {"objective": "mlm", "rate": 3, "seed": 1}
    )
    other = stratum(tmp_path / "b", {"seed": 1}, {"objective": "rtd", "rate": 4, "seed": 1})
    assert changed(one, other) == [("seeds", "0; 1", "1")]


def test_failed_runs_have_settings_too(tmp_path: Path) -> None:
    one = stratum(tmp_path / "a", {"status": "failed"})
    other = stratum(tmp_path / "b", {"source": "later"})
    assert changed(one, other) == [("source code", "s", "later")]
