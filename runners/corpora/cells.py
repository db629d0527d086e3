"""What a cell of a table means: a text, a label or another plain value, or nothing at all."""

import contextlib
import math
import re
from typing import Any

_WHOLE_NUMBER = re.compile(r"^(-?\d+)\.0+$")
_LIST_AS_TEXT = re.compile(r"^\s*\[\s*(['\"]).*\1\s*,?\s*\]\s*$", re.DOTALL)
_HALF_PAIRS = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    r"""With `\n` for every end of a line, and U+FFFD for half a surrogate pair.

    Texts that were cut in UTF-16 hold such halves, and UTF-8 cannot.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else _HALF_PAIRS.sub("\N{REPLACEMENT CHARACTER}", text)


def text_of(cell: Any) -> str:
    """The text of a cell, or "" where it is missing (null, NaN).

    Raises:
        ValueError: it holds something else; a number made text is a mistaken column more often
            than it is a text.
    """
    if isinstance(cell, str):
        return clean(cell)
    if _is_missing(cell):
        return ""
    raise ValueError(f"holds {_kind(cell)}, not a text")


def value_of(cell: Any) -> str:
    """A label, a score or the name of a group as text, or "" where it is missing (null, NaN, "").

    1 and 1.0 are one label: a column of whole numbers becomes one of fractions as soon as one of
    them is missing.

    Raises:
        ValueError: it holds a list, an object or bytes.
    """
    if isinstance(cell, str):
        return clean(cell) if cell.strip() else ""
    if _is_missing(cell):
        return ""
    if isinstance(cell, list | tuple | dict | bytes):
        raise ValueError(f"holds {_kind(cell)}, not one value")
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def label_of(text: str) -> str:
    """A class as it stands in a cell; 1 and 1.0 are one, as of a column of whole numbers in two
    files, and so are `a` and `a `.
    """  # noqa: D205
    return _WHOLE_NUMBER.sub(r"\1", text.strip())


def number_of(text: str) -> float:
    """A finite number, or NaN; Python's 1_3 is none in a table."""
    with contextlib.suppress(ValueError):
        value = float("" if "_" in text else text)
        return value if math.isfinite(value) else math.nan
    return math.nan


def words_of(cell: Any) -> list[str]:
    """The items of a list, or of a text what spaces part; empty where it is missing.

    Raises:
        ValueError: it holds something else, or an item of the list is no word or has none.
    """
    if isinstance(cell, str):
        if _LIST_AS_TEXT.match(cell):
            raise ValueError(
                f"holds a list that was written as a text ({cell[:20]}...); part the words by "
                "spaces, or save the table as .jsonl or .parquet, which have lists"
            )
        return clean(cell).split()
    if _is_missing(cell):
        return []
    if not isinstance(cell, list | tuple):
        raise ValueError(f"holds {_kind(cell)}, not a list of words or a text of them")
    items = [value_of(item) for item in cell]
    if "" in items:
        raise ValueError(f"holds a list whose item {items.index('') + 1} is empty")
    return items


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _kind(cell: Any) -> str:
    kinds: dict[type, str] = {list: "a list", tuple: "a list", dict: "an object", bytes: "bytes"}
    if type(cell) in kinds:
        return kinds[type(cell)]
    kind = "a number" if isinstance(cell, int | float) and not isinstance(cell, bool) else "a value"
    return f"{kind} ({cell})"
