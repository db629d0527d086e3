"""The table of all values as parquet: the columns of results.csv, with types."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TYPES = {"seed": pa.int64(), "step": pa.int64(), "value": pa.float64()}
TEXTS = ("run kind status model objective dataset data budget measure metric note").split()
"""Columns that are the same whatever was swept."""


def write_parquet(frame: pd.DataFrame, file: Path) -> None:
    """Write what `tidy` made (results/tidy.py).

    A setting that was swept has the type of its values; where these share none, such as a number
    and a list, each is written as JSON.
    """
    types = {**TYPES, **dict.fromkeys(TEXTS, pa.string())}
    columns = {name: _column(frame[name].tolist(), types.get(name)) for name in frame.columns}
    pq.write_table(pa.table(columns), file)


def _column(values: list[Any], kind: Any) -> Any:
    try:
        return pa.array(values, type=kind, from_pandas=True)
    except (ValueError, TypeError, OverflowError):  # as pyarrow says: unlike, too large
        texts = [None if value is None else json.dumps(value) for value in values]
        return pa.array(texts, type=pa.string())
