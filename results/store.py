"""A directory of immutable run records, each with the checksums of its files."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from results.integrity import MANIFEST, damage, put, write_manifest
from results.record import RunRecord

EXAMPLE_COLUMNS = ["measure", "metric", "row", "example", "group", "value", "target"]

_REPEATED = ["measure", "metric", "row", "group"]


class ResultStore:
    """Records below `output_dir/runs/`, one directory each.

    Args:
        output_dir: where runs write.
    """

    def __init__(self, output_dir: Path) -> None:
        self.folder = output_dir / "runs"

    def add(
        self,
        record: RunRecord,
        *,
        curve: Sequence[dict[str, Any]],
        examples: pd.DataFrame,
        exhibits: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> RunRecord:
        """Write a record; it is complete or not there at all.

        A finished record is never replaced; a failed one is replaced by the next try.

        Args:
            record: of one run.
            curve: points of its training.
            examples: a row for each test example of each measure (EXAMPLE_COLUMNS).
            exhibits: by measure, examples for the eye, and vectors in base64.

        Returns:
            The record as anybody reads it from now on: whoever wrote it sees nothing else.
        """
        target = self.folder / record.name
        existing = self.finished(record.name)
        if existing is not None:
            return existing
        self.folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=self.folder, prefix=".writing-"))
        try:
            self._write(work, record, curve, examples, exhibits)
            put(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)  # of a full disk: room is what it lacks
        written = self.get(record.name)
        assert written is not None
        return written

    def _write(
        self,
        work: Path,
        record: RunRecord,
        curve: Sequence[dict[str, Any]],
        examples: pd.DataFrame,
        exhibits: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    ) -> None:
        """All files of a record, and their checksums."""
        (work / "record.json").write_text(json.dumps(record.to_json(), indent=1))
        (work / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curve))
        examples.reindex(columns=EXAMPLE_COLUMNS).to_parquet(work / "examples.parquet", index=False)
        if exhibits:
            (work / "exhibits.json").write_text(json.dumps(exhibits))
        write_manifest(work)
        for file in work.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        work.chmod(0o755)

    def get(self, name: str) -> RunRecord | None:
        """The record of that name, if there is one.

        Raises:
            ValueError: it is damaged, or another version wrote it; the message names the file.
        """
        file = self.folder / name / "record.json"
        self._check(file)
        if not file.is_file():
            return None
        try:
            record = RunRecord.from_json(json.loads(file.read_text()))
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            raise ValueError(f"{file} is not a readable record: {error}") from error
        if record.name != name:
            raise ValueError(f"{file} is the record of another run, {record.name}")
        return record

    def readable(self, name: str) -> RunRecord | None:
        """The record of that name; a damaged one is none, and is made again."""
        try:
            return self.get(name)
        except ValueError:
            return None

    def finished(self, name: str) -> RunRecord | None:
        """The record of that name if it is finished, and none of its files is damaged."""
        record = self.readable(name)
        if record is None or record.status != "finished" or damage(self.folder / name):
            return None
        return record

    def records(self) -> tuple[list[RunRecord], dict[str, str]]:
        """All records, by name; and of those that cannot be read, by name, the reason."""
        found, unreadable = [], {}
        files = [*self.folder.glob("*/record.json"), *self.folder.glob(f"*/{MANIFEST}")]
        for name in sorted({file.parent.name for file in files}):
            if name.startswith("."):
                continue
            try:
                record = self.get(name)
            except ValueError as error:
                unreadable[name] = str(error)
                continue
            if record is not None:
                found.append(record)
        return found, unreadable

    def curve(self, name: str) -> pd.DataFrame:
        """The points of a run's training, one row each.

        Raises:
            ValueError: the file is missing or damaged.
        """
        file = self.folder / name / "curve.jsonl"
        self._check(file)
        try:
            return pd.DataFrame([json.loads(line) for line in file.read_text().splitlines()])
        except (OSError, ValueError) as error:
            raise ValueError(f"{file} is missing or damaged: {_reason(error)}") from error

    def examples(self, name: str) -> pd.DataFrame:
        """The per-example rows of a run (EXAMPLE_COLUMNS).

        Raises:
            ValueError: the file is missing or damaged.
        """
        file = self.folder / name / "examples.parquet"
        self._check(file)
        try:
            table = pq.read_table(file, columns=EXAMPLE_COLUMNS, read_dictionary=_REPEATED)
            found: pd.DataFrame = table.to_pandas()
            return found
        except (OSError, ValueError) as error:
            raise ValueError(f"{file} is missing or damaged: {_reason(error)}") from error

    def exhibits(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """Examples for the eye and vectors, by measure.

        Raises:
            ValueError: the file is damaged.
        """
        file = self.folder / name / "exhibits.json"
        self._check(file)
        found: dict[str, list[dict[str, Any]]] = {}
        try:
            return json.loads(file.read_text()) if file.is_file() else found
        except (OSError, ValueError) as error:
            raise ValueError(f"{file} is missing or damaged: {_reason(error)}") from error

    def _check(self, file: Path) -> None:
        """Raise ValueError where a file is not what was written by the manifest beside it."""
        problem = damage(file.parent, [file.name])
        if problem:
            raise ValueError(f"{file} is missing or damaged ({problem})")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return getattr(error, "strerror", None) or (str(error).splitlines() or [repr(error)])[0]
