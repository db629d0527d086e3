from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from made_records import add_run, answers

from results.record import Value
from results.store import ResultStore
from results.tidy import tidy
from results.writers.parquet import write_parquet


def test_parquet_has_the_columns_of_the_csv_with_types(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    none = (Value("probe none", "x", None, "no head"),)
    frame = tidy(
        [
            add_run(store, "mlm", answers(0.5), mlm_probability=0.15, unit="word"),
            add_run(store, "mlm", answers(0.5), mlm_probability=0.4, more_values=none, unit="a"),
        ]
    )
    frame.to_csv(tmp_path / "results.csv", index=False)
    write_parquet(frame, tmp_path / "results.parquet")
    csv, found = (
        pd.read_csv(tmp_path / "results.csv"),
        pd.read_parquet(tmp_path / "results.parquet"),
    )
    assert list(found) == list(csv)
    assert len(found) == len(csv) == 3
    types = {f.name: str(f.type) for f in pq.read_schema(tmp_path / "results.parquet")}
    assert types["seed"] == types["step"] == "int64"
    assert types["value"] == types["objective.mlm_probability"] == "double"
    assert types["measure"] == types["objective.unit"] == types["note"] == "string"
    pd.testing.assert_series_equal(found["value"], csv["value"])
    assert found["value"].isna().sum() == 1
    assert list(found["objective.mlm_probability"]) == [0.15, 0.4, 0.4]


def test_a_setting_of_unlike_types_is_written_as_json(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "unlike": [1, "a", [1, 2], None],
            "lists": [["a"], ["b", "c"], None, []],
            "truths": [True, False, None, True],
            "large": [10**30, 1, None, 2],
        }
    )
    write_parquet(frame, tmp_path / "x.parquet")
    found = pq.read_table(tmp_path / "x.parquet").to_pydict()
    assert found["unlike"] == ["1", '"a"', "[1, 2]", None]
    assert found["lists"] == [["a"], ["b", "c"], None, []]
    assert found["truths"] == [True, False, None, True]
    assert found["large"][0] == str(10**30)
    assert found["large"][2] is None


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    frame = tidy([add_run(ResultStore(tmp_path), "mlm", answers(0.5))])
    for name in ("a", "b"):
        write_parquet(frame, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_values_are_numbers_even_where_none_is_known(tmp_path: Path) -> None:
    write_parquet(pd.DataFrame({"value": [None, None], "note": [None, None]}), tmp_path / "x")
    assert [str(field.type) for field in pq.read_schema(tmp_path / "x")] == ["double", "string"]


def test_no_value_at_all(tmp_path: Path) -> None:
    write_parquet(tidy([]), tmp_path / "x")
    assert pq.read_table(tmp_path / "x").num_rows == 0
