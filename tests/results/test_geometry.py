import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import add_run, answers

from results.cka import cka
from results.comparison import Stratum, strata
from results.page import Prose, Table
from results.record import Metric, RunRecord, Value
from results.rows import StoredRun
from results.sections.geometry import section
from results.store import ResultStore

GENERATOR = np.random.default_rng(0)
VECTORS = {
    ("clm", 0): GENERATOR.normal(size=(40, 6)),
    ("clm", 1): GENERATOR.normal(size=(40, 6)),
    ("mlm", 0): GENERATOR.normal(size=(40, 6)),
}
VECTORS["clm", 1][:, :3] = VECTORS["clm", 0][:, :3]


def run(store: ResultStore, objective: str, seed: int, cosine: float) -> RunRecord:
    vectors = VECTORS[objective, seed].astype(np.float32)
    exhibit = {"shape": [40, 6], "vectors": base64.b64encode(vectors.tobytes()).decode()}
    values = [Value("geometry", "mean_cosine", cosine), Value("geometry", "rankme", 5.5)]
    values.append(Value("geometry", "rankme_layer_0", 2.5))
    titles = {"mean_cosine": "mean cosine", "rankme": "RankMe"}
    found: dict[str, Any] = {"geometry": tuple(Metric(n, t) for n, t in titles.items())}
    return add_run(
        store,
        objective,
        answers(0.5),
        seed=seed,
        more_values=tuple(values),
        metrics=found,
        exhibits={"geometry": [exhibit]},
    )


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


@pytest.fixture
def stratum(store: ResultStore) -> Stratum:
    records = [run(store, "clm", 0, 0.3), run(store, "clm", 1, 0.5), run(store, "mlm", 0, 0.9995)]
    (only,) = strata([StoredRun(record, store) for record in records])
    return only


def test_figures_of_the_last_layer(stratum: Stratum) -> None:
    found = section(stratum)
    assert found is not None
    table = found.blocks[1]
    assert isinstance(table, Table)
    assert list(table.header) == ["model", "mean cosine", "RankMe"]
    figures = [[cell.value for cell in row[1:]] for row in table.rows]
    assert figures == [[pytest.approx(0.4), 5.5], [0.9995, 5.5]]


def test_likeness_between_rows_and_between_seeds_of_one(stratum: Stratum) -> None:
    found = section(stratum)
    assert found is not None
    table = found.blocks[-1]
    assert isinstance(table, Table)
    values = [[cell.value for cell in row[1:]] for row in table.rows]
    seeds = cka(VECTORS["clm", 0], VECTORS["clm", 1])
    across = cka(VECTORS["clm", 1], VECTORS["mlm", 0])  # at seed 0 both had the same start
    assert values[0][0] == pytest.approx(seeds, abs=1e-5)
    assert values[0][1] == values[1][0] == pytest.approx(across, abs=1e-5)
    assert values[1][1] is None  # one seed has no other


def test_at_one_seed_it_is_said_that_all_began_alike(store: ResultStore) -> None:
    records = [run(store, "clm", 0, 0.3), run(store, "mlm", 0, 0.9995)]
    (only,) = strata([StoredRun(record, store) for record in records])
    found = section(only)
    assert found is not None
    prose, table = found.blocks[-2:]
    assert isinstance(prose, Prose)
    assert isinstance(table, Table)
    assert "at the one seed" in prose.text
    alike = cka(VECTORS["clm", 0], VECTORS["mlm", 0])
    assert table.rows[0][2].value == pytest.approx(alike, abs=1e-5)


def test_records_without_it_have_no_section(store: ResultStore) -> None:
    (only,) = strata([StoredRun(add_run(store, "clm", answers(0.5)), store)])
    assert section(only) is None
