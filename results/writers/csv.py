"""The table of all values as CSV: numbers as numbers, and no text that a spreadsheet would run."""

import contextlib
import re
from pathlib import Path

import pandas as pd

from results.text import visible

_RUN = re.compile(r"'*\s*[=+@-]|'*[\t\n]")
"""How a text begins that a spreadsheet takes for a formula, or would after one `'` is taken off."""


def write_csv(frame: pd.DataFrame, file: Path) -> None:
    """Write what `tidy` made (results/tidy.py).

    A text that begins as a formula does has a `'` in front, by which spreadsheets know a text; one
    that reads as a number is let alone. results.json and results.parquet have all texts as typed.
    """
    frame.map(_shown).rename(columns=_shown).to_csv(file, index=False, encoding="utf-8")


def _shown(value: object) -> object:
    if not isinstance(value, str):
        return value
    with contextlib.suppress(ValueError):
        float(value)
        return value
    text = visible(value).replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _RUN.match(text) else text
