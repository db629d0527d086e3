"""A directory of immutable run records."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from results.record import RunRecord

EXAMPLE_COLUMNS = ["measure", "metric", "row", "example", "group", "value", "target"]


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
    ) -> Path:
        """Write a record; it is complete or not there at all.

        A finished record is never replaced; a failed one is replaced by the next try.

        Args:
            record: of one run.
            curve: points of its training.
            examples: a row for each test example of each measure (EXAMPLE_COLUMNS).
            exhibits: by measure, examples for the eye.

        Returns:
            Its directory.
        """
        target = self.folder / record.name
        existing = self.get(record.name)
        if existing is not None and existing.status == "finished":
            return target
        self.folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=self.folder, prefix=".writing-"))
        (work / "record.json").write_text(json.dumps(record.to_json(), indent=1))
        (work / "curve.jsonl").write_text("".join(json.dumps(point) + "\n" for point in curve))
        examples.reindex(columns=EXAMPLE_COLUMNS).to_parquet(work / "examples.parquet", index=False)
        if exhibits:
            (work / "exhibits.json").write_text(json.dumps(exhibits))
        for file in work.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        work.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        os.replace(work, target)
        return target

    def get(self, name: str) -> RunRecord | None:
        """The record of that name, if there is one."""
        file = self.folder / name / "record.json"
        if not file.is_file():
            return None
        try:
            return RunRecord.from_json(json.loads(file.read_text()))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{file} is not a readable record: {error}") from error

    def records(self) -> list[RunRecord]:
        """All records, by name."""
        names = sorted(path.parent.name for path in self.folder.glob("*/record.json"))
        found = (self.get(name) for name in names if not name.startswith("."))
        return [record for record in found if record is not None]

    def curve(self, name: str) -> pd.DataFrame:
        """The points of a run's training, one row each."""
        lines = (self.folder / name / "curve.jsonl").read_text().splitlines()
        return pd.DataFrame([json.loads(line) for line in lines])

    def examples(self, name: str) -> pd.DataFrame:
        """The per-example rows of a run (EXAMPLE_COLUMNS)."""
        return pd.read_parquet(self.folder / name / "examples.parquet")

    def exhibits(self, name: str) -> dict[str, list[dict[str, Any]]]:
        """Examples for the eye, by measure; few runs have any."""
        file = self.folder / name / "exhibits.json"
        found: dict[str, list[dict[str, Any]]] = {}
        return json.loads(file.read_text()) if file.is_file() else found


def tidy(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row a value: run, model, objective, dataset, seed, step, measure, metric, value, note."""
    rows = [
        {
            "run": record.name,
            "kind": record.kind,
            "status": record.status,
            "model": record.stratum.get("model", ""),
            "objective": value.row or record.objective,
            "dataset": record.corpus.get("label", ""),
            "seed": record.seed,
            "step": record.training.get("ledger", {}).get("steps", 0),
            "measure": value.measure,
            "metric": value.metric,
            "value": value.value,
            "note": value.note,
        }
        for record in records
        for value in record.values
    ]
    return pd.DataFrame(rows)
