"""Probes on a table: the user's own file, or a data set of the hub."""

import hashlib
from abc import ABC
from dataclasses import dataclass
from pathlib import Path

from runners.corpora.hub import load_hub_dataset
from runners.corpora.local import SUFFIXES
from runners.corpora.tables import check_columns, read_table
from runners.probes.base import Probe

Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class TableProbe(Probe, ABC):
    """Where the examples of a probe come from.

    Attributes:
        path: a .csv, .tsv, .jsonl or .parquet file, or the hub name of a data set.
        subset: configuration of a hub data set.
        folder: below hub_dir, where that is not the last part of `path`.
        train_split, test_split: of a hub data set.
        test_share: of a file, which is split by a hash of its rows' text.
        max_train, max_test: at most so many examples, chosen by hash.
    """

    path: str
    subset: str | None = None
    folder: str | None = None
    train_split: str = "train"
    test_split: str = "validation"
    test_share: float = 0.2
    max_train: int = 10_000
    max_test: int = 5_000

    def __post_init__(self) -> None:
        if not 0.0 < self.test_share <= 1.0:
            raise ValueError(f"test_share is {self.test_share}; it must lie in (0, 1]")
        for name in ("max_train", "max_test"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 2")

    def read(
        self, columns: list[str], *, key: str, hub_dir: Path | None, cache_dir: Path
    ) -> tuple[list[Row], list[Row]]:
        """Training and test rows, as text, without blanks, cut to the limits.

        Args:
            columns: those to read.
            key: the column whose hash splits a file and orders the rows; equal texts stay on
                one side.
            hub_dir: a folder that takes the hub's place.
            cache_dir: for conversions of its files.

        Raises:
            ValueError: file, column or split is not there, or nothing is left to test on.
        """
        file = Path(self.path).expanduser()
        if file.suffix in SUFFIXES or file.exists():
            if not file.is_file():
                raise ValueError(f"probe {self.name}: there is no file {file}")
            train, test = self._split(list(read_table(file, columns)), key)
        else:
            train, test = self._from_hub(columns, hub_dir, cache_dir)
        train, test = (
            sorted(_without_blanks(rows), key=lambda row: _digest(row[key]))
            for rows in (train, test)
        )
        if not test:
            raise ValueError(f"probe {self.name}: {self.path} leaves no example to test on")
        return train[: self.max_train], test[: self.max_test]

    def _split(self, rows: list[Row], key: str) -> tuple[list[Row], list[Row]]:
        sides: tuple[list[Row], list[Row]] = [], []
        for row in rows:
            place = int.from_bytes(_digest(row[key])[:8], "big") / 2**64  # in [0, 1)
            sides[place >= 1 - self.test_share].append(row)
        return sides

    def _from_hub(
        self, columns: list[str], hub_dir: Path | None, cache_dir: Path
    ) -> tuple[list[Row], list[Row]]:
        loaded = load_hub_dataset(
            self.path, name=self.subset, folder=self.folder, hub_dir=hub_dir, cache_dir=cache_dir
        )
        sides: list[list[Row]] = []
        for split in (self.train_split, self.test_split):
            if split not in loaded:
                raise ValueError(
                    f"probe {self.name}: {self.path} has no split {split!r}; it has "
                    f"{', '.join(loaded)}"
                )
            table = loaded[split]
            check_columns(f"{self.path}, split {split}", table.column_names, columns)
            sides.append(
                [{c: str(row[c]) for c in columns} for row in table.select_columns(columns)]
            )
        return sides[0], sides[1]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _without_blanks(rows: list[Row]) -> list[Row]:
    return [row for row in rows if all(value.strip() for value in row.values())]
