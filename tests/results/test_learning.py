from pathlib import Path

import pytest
from made_records import add_baselines, add_run, answers

from results.comparison import strata
from results.learning import plateau
from results.record import Value
from results.rows import StoredRun
from results.store import ResultStore


def found(folder: Path, objective: str, *losses: dict[str, float]) -> tuple[float, float] | None:
    """Of a model at one or several seeds; word frequencies have 5.9 nats of clm and 6.0 of mlm."""
    store = ResultStore(folder)
    records = [
        add_run(
            store,
            objective,
            answers(0.5),
            seed=seed,
            more_values=tuple(Value(f"loss {m}", "nats", v, "native") for m, v in own.items()),
        )
        for seed, own in enumerate(losses)
    ]
    records.append(add_baselines(store, words=answers(0.5)))
    (stratum,) = strata([StoredRun(record, store) for record in records])
    return plateau(stratum, stratum.models[0])


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({"mlm": 5.71}, (5.71, 6.0)),
        ({"mlm": 5.69}, None),
        ({"simcse": 4.1}, None),
        ({"mlm": 5.8, "clm": 5.7}, (5.7, 5.9)),
        ({"mlm": 5.8, "clm": 5.0}, None),
        ({"mlm": 5.8, "simcse": 0.1}, (5.8, 6.0)),
        ({}, None),
    ],
)
def test_the_plateau_ends_5_percent_below_word_frequencies(
    tmp_path: Path, losses: dict[str, float], expected: tuple[float, float] | None
) -> None:
    """Only losses that have word frequencies beside them count, and of those all."""
    assert found(tmp_path, "mine", losses) == expected


def test_the_mean_over_seeds_decides(tmp_path: Path) -> None:
    assert found(tmp_path / "above", "mine", {"mlm": 5.6}, {"mlm": 5.9}) == (5.75, 6.0)
    assert found(tmp_path / "below", "mine", {"mlm": 5.5}, {"mlm": 5.8}) is None
