"""Rows of tables: .csv, .tsv, .jsonl and .parquet files, cell by cell, strictly."""

import codecs
import csv
import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from runners.corpora.cells import text_of, value_of, words_of

ROWS_AT_ONCE = 1024
"""Of a Parquet file, in memory: a row may be a book."""


def read_table(
    file: Path,
    columns: Sequence[str],
    *,
    texts: Collection[str] = (),
    lists: Collection[str] = (),
) -> Iterator[dict[str, Any]]:
    """Rows of a .csv, .tsv, .jsonl or .parquet file, as text, with only the named columns.

    What is missing (null, NaN, an empty cell) is "".

    Args:
        file: the table.
        columns: those to read.
        texts: those of them that must hold texts; others may hold numbers too.
        lists: those that hold words or tags, as a list or with spaces between; a list is given.

    Raises:
        ValueError: a column is not there or is there twice, a row has more or fewer fields than
            the header, a cell holds what it should not, or the file is not what its name says.
    """
    kind = kind_of(file)
    readers = {
        ".parquet": _parquet_rows,
        ".jsonl": _json_rows,
        ".csv": _csv_rows,
        ".tsv": _tsv_rows,
    }
    if kind not in readers:
        raise ValueError(f"{file}: a table is a .csv, .tsv, .jsonl or .parquet file")
    reads = {**dict.fromkeys(texts, text_of), **dict.fromkeys(lists, words_of)}
    for place, row in readers[kind](file, columns):
        found: dict[str, Any] = {}
        for name in columns:
            try:
                found[name] = reads.get(name, value_of)(row[name])
            except ValueError as error:
                raise ValueError(f"{file}, {place}, column {name!r} {error}") from error
        yield found


def check_columns(where: str, present: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise ValueError, naming the nearest column, unless all `wanted` are `present`, and once."""
    for name in wanted:
        if name not in present:
            near = get_close_matches(name, present, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            has = f"it has {_listed(present)}" if present else "it is empty"
            raise ValueError(f"{where} has no column {name!r}; {hint}{has}")
        if present.count(name) > 1:
            raise ValueError(
                f"{where} has {present.count(name)} columns {name!r}; rename all but one"
            )


def _listed(names: Sequence[str], most: int = 30, width: int = 60) -> str:
    """Names of columns for a message: a file of another kind may have one of a megabyte."""
    short = [name if len(name) <= width else f"{name[:width]}..." for name in names[:most]]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(short) + more


_Rows = Iterator[tuple[str, Mapping[str, Any]]]
"""The place of each row in its file, for messages, and its cells by column."""


def _parquet_rows(file: Path, columns: Sequence[str]) -> _Rows:
    try:
        table = pq.ParquetFile(file)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise ValueError(f"{file} is not a readable Parquet file: {error}") from error
    check_columns(str(file), table.schema_arrow.names, columns)
    number = 0
    try:
        for batch in table.iter_batches(ROWS_AT_ONCE, columns=list(dict.fromkeys(columns))):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is damaged after row {number}: {error}") from error


def _json_rows(file: Path, columns: Sequence[str]) -> _Rows:
    names: list[str] = []

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names[:] = [name for name, _ in pairs]  # in the end those of the outermost object
        return dict(pairs)

    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            row = json.loads(line, object_pairs_hook=read)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{file}, {place} is not JSON: {error}") from error
        except ValueError as error:  # Python reads no number of thousands of digits
            raise ValueError(
                f"{file}, {place} holds a whole number of more than "
                f"{sys.get_int_max_str_digits():,} digits; if it is a text, put it in double quotes"
            ) from error
        if not isinstance(row, dict):
            raise ValueError(f"{file}, {place} is not a JSON object")
        check_columns(f"{file}, {place}", names, columns)
        yield place, row


def _csv_rows(file: Path, columns: Sequence[str]) -> _Rows:
    csv.field_size_limit(sys.maxsize)  # a document may be longer than the default 128 KiB
    delimiter = "\t" if kind_of(file) == ".tsv" else ","
    # Strict: else what stands between two stray quotes, rows and all, becomes one text.
    reader = csv.reader(read_lines(file), delimiter=delimiter, strict=True)
    line = 0
    try:
        header = next((fields for fields in reader if any(map(str.strip, fields))), [])
        _check_header(file, header, columns)
        line = reader.line_num
        for fields in reader:
            yield from _row(file, line + 1, header, fields)
            line = reader.line_num
    except csv.Error as error:
        raise ValueError(
            f"{file}, line {line + 1}: a double quote opens a field there and does not close it "
            f"where the field ends ({error}); write a quote inside a quoted field twice"
        ) from error


def _tsv_rows(file: Path, columns: Sequence[str]) -> _Rows:
    if _is_quoted(file):
        yield from _csv_rows(file, columns)
        return
    header: list[str] | None = None
    for number, line in enumerate(read_lines(file), start=1):
        fields = line.rstrip("\r\n").split("\t")
        if header is None and line.strip():
            _check_header(file, fields, columns)
            header = fields
        elif header is None:  # a blank line before it
            continue
        else:
            yield from _row(file, number, header, fields)
    if header is None:
        check_columns(str(file), [], columns)


_SEPARATORS = {"semicolons": ";", "tabs": "\t", "bars": "|", "commas": ","}


def _check_header(file: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    """`check_columns`, which first looks whether anything else stands between the columns."""
    if not set(columns) <= set(header):
        ending, expected = (".tsv", "tabs") if kind_of(file) == ".tsv" else (".csv", "commas")
        if header and re.fullmatch("sep=.?", header[0]):
            raise ValueError(
                f"{file} begins with a line `sep=`, which is for Excel alone: delete it, and see "
                f"that {expected} separate the fields"
            )
        for name, separator in _SEPARATORS.items():
            if len(header) == 1 and separator in header[0]:
                other = {"tabs": ".tsv", "commas": ".csv"}.get(name)
                way_out = f"name it {file.stem}{other}, or save" if other else "save"
                raise ValueError(
                    f"{file}: {name} separate its columns ({_listed(header)}), and {expected} are "
                    f"expected in a {ending}; {way_out} it with {expected}"
                )
    check_columns(str(file), header, columns)


def _row(file: Path, number: int, header: Sequence[str], fields: Sequence[str]) -> _Rows:
    if len(fields) == len(header):
        yield f"line {number}", dict(zip(header, fields, strict=True))
    elif any(field.strip() for field in fields):  # a blank line is no row
        separator = "tabs" if kind_of(file) == ".tsv" else "commas"
        raise ValueError(
            f"{file}, line {number} has {len(fields)} fields, the header has {len(header)}; "
            f"put double quotes around texts that hold {separator} or line ends"
        )


_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _is_quoted(file: Path) -> bool:
    """Whether double quotes wrap fields of a .tsv, as pandas and spreadsheets write them.

    Else they are characters like any other, as in GLUE, Tatoeba and WMT. They wrap fields if that
    explains all of them; and where it takes several lines for one row, if no field looks like
    rows itself: two stray quotes would swallow the rows between them.
    """
    width, even, wrapped, quotes = 0, True, True, False
    for line in read_lines(file):
        fields = line.rstrip("\r\n").split("\t")
        if not width and not line.strip():  # before the header
            continue
        width = width or len(fields)
        even = even and len(fields) in (width, 1 if not line.strip() else width)
        if '"' in line:
            quotes = True
            wrapped = wrapped and all('"' not in f or _QUOTED.fullmatch(f) for f in fields)
    if even or not quotes:
        return quotes and wrapped
    try:
        reader = csv.reader(read_lines(file), delimiter="\t", strict=True)
        rows = [len(fields) in (0, width) and not _swallowed(fields, width) for fields in reader]
    except csv.Error:
        return False
    return all(rows)


def _swallowed(fields: Sequence[str], width: int) -> bool:
    """Whether a field's first and last line are the ends of one row and the start of another."""
    for place, field in enumerate(fields):
        lines = field.split("\n")
        tabs = lines[0].count("\t"), lines[-1].count("\t")
        if len(lines) > 1 and tabs == (width - 1 - place, place):
            return width > 1
    return False


def read_lines(file: Path) -> Iterator[str]:
    """Lines with their ends, so that no file is held in memory whole."""
    number = 0
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, line in enumerate(lines, start=1):
                if "\0" in line:
                    raise ValueError(f"{file} is a binary file (line {number}); text is expected")
                yield line
    except UnicodeDecodeError as error:
        with file.open("rb") as content:
            if content.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise ValueError(f"{file} looks like UTF-16; save it as UTF-8") from error
        raise ValueError(
            f"{file} is not UTF-8 text (after line {number}: {error.reason}); if it is text, "
            "convert it first, for example with iconv"
        ) from error


def kind_of(file: Path) -> str:
    """Its ending, in small letters; .ndjson is another word for .jsonl."""
    suffix = file.suffix.lower()
    return ".jsonl" if suffix == ".ndjson" else suffix
