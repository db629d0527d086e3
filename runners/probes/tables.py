"""Probes on a table: the user's own file, or a data set of the hub."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from results.facts import NAMED_MISSING
from runners.corpora.cells import text_of
from runners.corpora.corpus import MIN_GROUPS, Corpus
from runners.corpora.files import did_you_mean
from runners.corpora.hub import list_of, named
from runners.corpora.loading import load_hub_dataset
from runners.corpora.tables import check_columns, kind_of, read_table
from runners.probes.base import Probe, Task
from runners.probes.row import Row

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_MISSING = frozenset(("nan", "none", "null", "na", "n/a", "<na>"))
"""What programs write where a label is missing; a task may have such a class."""
_FILE_ENDINGS = (*TABLES, ".txt", ".json", ".xls", ".xlsx", ".gz", ".zip", ".arrow", ".feather")
"""What ends like these and is not there is a file that is missing, not the name of a data set."""


@dataclass(frozen=True, kw_only=True)
class TableProbe(Probe, ABC):
    """Where the examples of a probe come from.

    Attributes:
        path: a .csv, .tsv, .jsonl or .parquet file, or the hub name of a data set.
        test_path: of a file, another one to test on; without, `path` is divided.
        subset: configuration of a hub data set.
        folder: below hub_dir, where that is not the last part of `path`.
        on_hub: whether the hub has the data set; else only a folder below hub_dir.
        train_split, test_split: of a hub data set; where they are one, it is divided as a file is.
        test_share: of a file, which is divided by a hash of its rows' text.
        max_train, max_test: at most so many examples, chosen by hash.
        where_column, where_value: only rows that hold this value there, as of a table with several
            tasks.
    """

    trains: ClassVar[bool] = True
    """Whether anything is learned, or chosen; without, only test examples are read."""

    learns: ClassVar[bool] = True
    """Whether it cannot do without training examples."""

    path: str
    test_path: str | None = None
    subset: str | None = None
    folder: str | None = None
    on_hub: bool = True
    train_split: str = "train"
    test_split: str = "validation"
    test_share: float = 0.2
    max_train: int = 10_000
    max_test: int = 5_000
    where_column: str | None = None
    where_value: str | None = None

    def __post_init__(self) -> None:
        if (self.where_column is None) != (self.where_value is None):
            raise ValueError("where_column and where_value are given together, or neither")
        if not 0.0 < self.test_share <= 1.0:
            raise ValueError(f"test_share is {self.test_share}; it must lie in (0, 1]")
        for name in ("max_train", "max_test"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 2")

    @property
    @abstractmethod
    def text_columns(self) -> tuple[str, ...]:
        """Columns with text; the hash of the first splits a file and orders the rows."""

    @property
    @abstractmethod
    def value_column(self) -> str | None:
        """The column with the class, or the score."""

    @property
    def list_columns(self) -> tuple[str, ...]:
        """Columns with lists; the first takes the place of the texts where there are none."""
        return ()

    @abstractmethod
    def check(self, train: Sequence[Row], test: Sequence[Row]) -> None:
        """Raise ValueError unless the examples can be used; neither side has blanks."""

    @abstractmethod
    def task(
        self, train: Sequence[Row], test: Sequence[Row], corpus: Corpus, known: Mapping[str, Any]
    ) -> Task:
        """The task on checked examples."""

    @override
    def open(self, *, hub_dir: Path | None, cache_dir: Path) -> Callable[[Corpus], Task]:
        """Read and check the table, before a corpus is built."""
        try:
            sides = self._sides(hub_dir, cache_dir)
            whole = [[row for row in side if row.is_whole] for side in sides]
            missing = sum(map(len, sides)) - sum(map(len, whole))
            train, test = self._chosen(whole, missing)
            self.check(train, test)
        except ValueError as error:
            raise self._named(error) from error
        known: dict[str, Any] = {}
        if missing:
            known["rows without a text or a value, left out"] = missing
        labels = [(row.value or "").lower() for row in (*train, *test)]
        if any(named := [label in _MISSING for label in labels]):
            known[NAMED_MISSING] = sum(named)
        for name, all_rows, chosen in (
            ("max_train", whole[0], train),
            ("max_test", whole[1], test),
        ):
            if len(chosen) < len(all_rows):
                known[f"examples left out by {name}"] = len(all_rows) - len(chosen)
        return lambda corpus: self._task(corpus, train, test, known)

    @override
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Read the table and check it."""
        return self.open(hub_dir=hub_dir, cache_dir=cache_dir)(corpus)

    def _named(self, error: ValueError) -> ValueError:
        return ValueError(f"probe {self.name}: {error}")

    def _task(
        self, corpus: Corpus, train: list[Row], test: list[Row], known: Mapping[str, Any]
    ) -> Task:
        """Without the rows of whose texts the tokenizer makes no token."""
        kept = []
        for side in (train, test):
            tokens = [
                [bool(encoded.ids) for encoded in corpus.tokenizer.encode(texts)]
                for texts in zip(*(row.texts for row in side), strict=True)
            ]
            kept.append(
                [row for row, has in zip(side, zip(*tokens, strict=True), strict=True) if all(has)]
            )
        tokenless = len(train) + len(test) - sum(map(len, kept))
        if tokenless:
            known = {**known, "rows of which the tokenizer makes no token, left out": tokenless}
            try:
                self._check_sizes(kept[1], tokenless)
                self.check(*kept)
            except ValueError as error:
                raise self._named(error) from error
        return self.task(kept[0], kept[1], corpus, known)

    def _chosen(self, sides: list[list[Row]], missing: int) -> tuple[list[Row], list[Row]]:
        train, test = (sorted(side, key=lambda row: row.digest) for side in sides)
        train, test = train[: self.max_train], test[: self.max_test]
        self._check_sizes(test, missing)
        return train, test

    def _check_sizes(self, test: Sequence[Row], left_out: int) -> None:
        if len(test) < MIN_GROUPS:
            also = f" ({left_out} rows have no text or no value and are left out)"
            raise ValueError(
                f"{self.test_path or self.path} leaves {len(test)} example(s) to test on"
                f"{also if left_out else ''}; {MIN_GROUPS} are needed: give more rows, or raise "
                "test_share or max_test"
            )

    def _sides(self, hub_dir: Path | None, cache_dir: Path) -> tuple[list[Row], list[Row]]:
        """Training and test rows, blanks and all.

        Raises:
            ValueError: a file, column or split is not there, or settings do not go together.
        """
        columns = [name for name in self._columns if name != self.where_column]
        if len(set(columns)) < len(columns):
            raise ValueError(f"the columns {', '.join(columns)} must be different ones")
        file = self._file(self.path, "path", hub_dir)
        if file is None:
            if self.test_path is not None:
                raise ValueError(
                    f"test_path is {self.test_path}, and {self.path} is no file: a data set is "
                    "tested on its test_split"
                )
            return self._from_hub(hub_dir, cache_dir)
        self._check_settings_of_a_file(file)
        if self.test_path is None:
            train, test = self._split(list(self._from_file(file)))
            return (train if self.trains else []), test
        other = self._file(self.test_path, "test_path", hub_dir)
        if other is None:
            raise ValueError(f"test_path is {self.test_path}, which is no file as path is")
        if other.resolve() == file.resolve():
            raise ValueError(f"path and test_path are one file, {file}; give one without the other")
        return list(self._from_file(file)), list(self._from_file(other))

    def _file(self, path: str, setting: str, hub_dir: Path | None) -> Path | None:
        """The file that a setting names, or None where it is the name of a data set."""
        if not path.strip():
            raise ValueError(f"{setting} is empty; name a table ({', '.join(TABLES)})")
        file = Path(path).expanduser()
        if file.is_file():
            if kind_of(file) not in TABLES:
                raise ValueError(f"{setting}: {file} is no table; one ends in {', '.join(TABLES)}")
            return file
        if file.exists() and not file.is_dir():
            raise ValueError(f"{setting}: {file} is no regular file; write its content to one")
        names = (self.folder,) if self.folder else (path, path.rsplit("/", 1)[-1])
        in_hub = hub_dir is not None and any((hub_dir / name).is_dir() for name in names)
        if file.is_dir() and not in_hub:
            found = sorted(each.name for each in file.iterdir() if kind_of(each) in TABLES)
            held = f"it holds {', '.join(found[:5])}" if found else "it holds none"
            raise ValueError(
                f"{setting}: {path} is a folder; name a table in it ({held}), and with "
                "test_path another one to test on"
            )
        if kind_of(file) in _FILE_ENDINGS or not _HUB_NAME.fullmatch(path) or path.startswith("."):
            raise ValueError(f"{setting}: there is no file {file}{did_you_mean(file)}")
        if hub_dir and not in_hub and self.on_hub and not self.folder and "/" not in path:
            raise ValueError(
                f"{setting}: there is no file {file}{did_you_mean(file)}; nor is there a data set "
                f"{path} in hub_dir, {hub_dir}; hub_dir=null looks for it on the hub"
            )
        return None

    def _check_settings_of_a_file(self, file: Path) -> None:
        """Raise ValueError for settings that a file has no use for."""
        usual = {f.name: f.default for f in fields(self)}
        for name in ("train_split", "test_split", "subset"):
            if getattr(self, name) != usual[name]:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, and {file} is a file: only data sets of "
                    "the hub have splits and subsets. Name another file to test on with "
                    "test_path, or the share of this one with test_share"
                )
        if self.test_path is not None and self.test_share != usual["test_share"]:
            raise ValueError("test_share and test_path exclude each other")

    @property
    def _columns(self) -> list[str]:
        """All that are read."""
        names = (*self.text_columns, *self.list_columns, self.value_column, self.where_column)
        return [name for name in names if name is not None]

    def _from_file(self, file: Path) -> Iterator[Row]:
        columns = list(dict.fromkeys(self._columns))
        table = read_table(file, columns, texts=self.text_columns, lists=self.list_columns)
        rows = ((f"row {number} of {file}", row) for number, row in enumerate(table, start=1))
        yield from self._rows(rows, str(file))

    def _rows(self, table: Iterable[tuple[str, Mapping[str, Any]]], where: str) -> Iterator[Row]:
        """Those that are asked for, of a table of read cells."""
        others: dict[str, None] = {}
        taken = False
        for place, row in table:
            if self.where_column is not None and row[self.where_column] != self.where_value:
                others[row[self.where_column]] = None
                continue
            taken = True
            lists = tuple(tuple(row[name]) for name in self.list_columns)
            texts = tuple(row[name] for name in self.text_columns) or (" ".join(lists[0]),)
            value = None if self.value_column is None else row[self.value_column].strip()
            yield Row(place, texts, value, lists)
        if others and not taken:
            known = ", ".join(map(repr, sorted(others)[:10]))
            raise ValueError(
                f"no row of {where} has {self.where_value!r} in column {self.where_column!r}; "
                f"it holds {known}"
            )

    def _split(self, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        """By a hash of the first text, so that equal texts stay on one side."""
        sides: tuple[list[Row], list[Row]] = [], []
        for row in rows:
            place = int.from_bytes(row.digest[:8], "big") / 2**64  # in [0, 1)
            sides[place >= 1 - self.test_share].append(row)
        return sides

    def _from_hub(self, hub_dir: Path | None, cache_dir: Path) -> tuple[list[Row], list[Row]]:
        loaded = load_hub_dataset(
            self.path,
            name=self.subset,
            folder=self.folder,
            on_hub=self.on_hub,
            hub_dir=hub_dir,
            cache_dir=cache_dir,
        )
        settings = ["train_split", "test_split"] if self.trains else ["test_split"]
        if self.trains and not self.learns and "train" == self.train_split not in loaded:
            settings.remove("train_split")
        for setting in settings:
            split = getattr(self, setting)
            if split not in loaded:
                raise ValueError(
                    f"{self.path} has no split {split!r}; it has {', '.join(loaded)}: "
                    f"choose with {setting}{self._of_one_split(loaded)}"
                )
        splits = [getattr(self, setting) for setting in settings]
        if self.trains and self.train_split == self.test_split:
            return self._split(list(self._from_split(loaded[splits[0]], splits[0])))
        *train, test = (list(self._from_split(loaded[split], split)) for split in splits)
        return (train[0] if train else []), test

    def _of_one_split(self, loaded: Mapping[str, Any]) -> str:
        """What to do with a data set that has a single one."""
        if len(loaded) != 1 or not self.trains:
            return ""
        (split,) = loaded
        return f" (train_split={split} test_split={split} divides it by test_share)"

    def _from_split(self, table: Any, split: str) -> Iterator[Row]:
        columns = list(dict.fromkeys(self._columns))
        where = f"{self.path}, split {split}"
        check_columns(where, table.column_names, columns)

        def cell(name: str, value: Any) -> str | list[str]:
            if name in self.text_columns:
                return text_of(value)
            feature = table.features[name]
            return list_of(value, feature) if name in self.list_columns else named(value, feature)

        def rows() -> Iterator[tuple[str, dict[str, Any]]]:
            for number, row in enumerate(table.select_columns(columns), start=1):
                place = f"row {number} of {where}"
                found = {}
                for name in columns:
                    try:
                        found[name] = cell(name, row[name])
                    except ValueError as error:
                        raise ValueError(f"{place}, column {name!r} {error}") from error
                yield place, found

        yield from self._rows(rows(), where)


@dataclass(frozen=True, kw_only=True)
class UntrainedTableProbe(TableProbe, ABC):
    """A table from which nothing is learned, so that a file is used whole."""

    trains: ClassVar[bool] = False

    test_share: float = 1.0

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.test_path is not None:
            raise ValueError("test_path has no use: nothing is trained, so that path is tested on")
