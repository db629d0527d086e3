"""The user's own text: .txt, .jsonl, .csv, .tsv and .parquet files, or folders of them."""

import csv
import itertools
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq

from runners.corpora.document import (
    SPLITS,
    CorpusConfig,
    Document,
    Source,
    check_pair_columns,
    hash_files,
    joined,
)

SUFFIXES = (".txt", ".jsonl", ".csv", ".tsv", ".parquet")
UNITS = ("paragraph", "line", "file")


@dataclass(frozen=True, kw_only=True)
class LocalConfig(CorpusConfig):
    """Files on this machine.

    Files whose names begin with train, validation (valid, val, dev) or test are taken as those
    splits; other files are split by a hash of each document's group.

    Attributes:
        path: a file, or a folder that is searched with its subfolders.
        text_column: of tables (.jsonl, .csv, .tsv, .parquet).
        group_column: of tables; rows of one group are never on two sides of a split.
        label_column: of tables; a class of each document, for the probe `library`.
        pair_columns: of tables, in place of `text_column`: two texts that belong together, or three
            of which the last does not (an anchor, its positive, a hard negative).
        unit: what is a document in .txt files: a `paragraph` (ended by a blank line), a `line`,
            or the whole `file`.
    """

    path: str
    text_column: str = "text"
    group_column: str | None = None
    label_column: str | None = None
    pair_columns: tuple[str, ...] = ()
    unit: str = "paragraph"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit not in UNITS:
            raise ValueError(f"unit is {self.unit!r}; known: {', '.join(UNITS)}")
        check_pair_columns(self.pair_columns)

    @property
    def label(self) -> str:
        """The name in tables: that of the file or folder."""
        return Path(self.path).name

    def open(self, *, hub_dir: Path | None, cache_dir: Path) -> Source:
        """Find the files."""
        return _LocalFiles(self)


class _LocalFiles:
    """Found files, read on demand."""

    def __init__(self, config: LocalConfig) -> None:
        self._config = config
        path = Path(config.path).expanduser()
        if not path.exists():
            raise ValueError(
                f"dataset.path: there is no file or folder {path}; "
                f"give one with {', '.join(SUFFIXES)} files"
            )
        if path.is_dir():
            self._root = path
            self._files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
        else:
            self._root = path.parent
            self._files = [path] if path.suffix in SUFFIXES else []
        if not self._files:
            raise ValueError(f"dataset.path: {path} is not and holds no {', '.join(SUFFIXES)} file")
        self.splits = frozenset(_split_named_by(file) for file in self._files) - {""}
        try:
            self.fingerprint = hash_files(self._files, self._root)
        except OSError as error:
            raise ValueError(
                f"dataset.path: {error.filename} cannot be read: {error.strerror}"
            ) from error

    def documents(self) -> Iterator[Document]:
        """Documents file by file, in the order of the names."""
        for file in self._files:
            split = _split_named_by(file)
            if file.suffix == ".txt":
                for text in _texts(file, self._config.unit):
                    yield Document(text, group=text, split=split)
            else:
                for row in read_table(file, self._columns()):
                    texts = [row[name] for name in text_columns(self._config)]
                    text, second, third = joined(texts) if len(texts) > 1 else (texts[0], 0, 0)
                    group = row.get(self._config.group_column or "", text)
                    label = row.get(self._config.label_column or "", "")
                    yield Document(
                        text, group=group, split=split, label=label, second=second, third=third
                    )

    def _columns(self) -> list[str]:
        config = self._config
        others = (config.group_column, config.label_column)
        return [*text_columns(config), *(name for name in others if name)]


class _TextColumns(Protocol):
    @property
    def text_column(self) -> str: ...
    @property
    def pair_columns(self) -> tuple[str, ...]: ...


def text_columns(config: _TextColumns) -> tuple[str, ...]:
    """The columns whose texts make a document."""
    return config.pair_columns or (config.text_column,)


def read_table(file: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    """Rows of a .csv, .tsv, .jsonl or .parquet file, as text, with only the named columns.

    Raises:
        ValueError: a column is not there, or the file is not what its name says.
    """
    if file.suffix == ".parquet":
        yield from _parquet_rows(file, columns)
    elif file.suffix == ".jsonl":
        yield from _json_rows(file, columns)
    elif file.suffix in (".csv", ".tsv"):
        yield from _csv_rows(file, columns)
    else:
        raise ValueError(f"{file}: a table is a .csv, .tsv, .jsonl or .parquet file")


def check_columns(where: str, present: list[str], wanted: list[str]) -> None:
    """Raise ValueError, naming the nearest column, unless all `wanted` are `present`."""
    for name in wanted:
        if name not in present:
            near = get_close_matches(name, present, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"{where} has no column {name!r}; {hint}it has {', '.join(present)}")


def _parquet_rows(file: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    try:
        table = pq.ParquetFile(file)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise ValueError(f"{file} is not a readable Parquet file: {error}") from error
    check_columns(str(file), table.schema_arrow.names, columns)
    for batch in table.iter_batches(columns=columns):
        for row in batch.to_pylist():
            yield {name: "" if row[name] is None else str(row[name]) for name in columns}


def _json_rows(file: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{file}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"{file}, line {number} is not a JSON object")
        check_columns(f"{file}, line {number}", list(row), columns)
        yield {name: "" if row[name] is None else str(row[name]) for name in columns}


def _csv_rows(file: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    csv.field_size_limit(sys.maxsize)  # a document may be longer than the default 128 KiB
    reader = csv.DictReader(_lines(file), delimiter="\t" if file.suffix == ".tsv" else ",")
    check_columns(str(file), list(reader.fieldnames or []), columns)
    for row in reader:
        yield {name: row[name] or "" for name in columns}


def _texts(file: Path, unit: str) -> Iterator[str]:
    if unit == "file":
        yield "".join(_lines(file))
    elif unit == "line":
        yield from (line.rstrip("\r\n") for line in _lines(file))
    else:
        for is_text, lines in itertools.groupby(_lines(file), key=lambda line: bool(line.strip())):
            if is_text:
                yield "".join(lines).rstrip("\r\n")


def _lines(file: Path) -> Iterator[str]:
    """Lines with their ends, so that no file is held in memory whole."""
    number = 0
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, line in enumerate(lines, start=1):
                if "\0" in line:
                    raise ValueError(f"{file} is a binary file (line {number}); text is expected")
                yield line
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not UTF-8 text (after line {number}: {error.reason}); if it is text, "
            "convert it first, for example with iconv"
        ) from error


def _split_named_by(file: Path) -> str:
    named = re.match(r"(train|valid|val|dev|test)(ation)?([-_.\d]|$)", file.stem.lower())
    if not named:
        return ""
    return named[1] if named[1] in SPLITS else "validation"
