"""Lines of a table: a configuration at one or several seeds, or a simple method."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from results.influence import Sample, sample
from results.record import RunRecord, Value
from results.settings import Flat
from results.store import ResultStore

Figure = tuple[str, str]
"""A measure and a metric: `probe retrieval`, `mrr`."""


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A record and the rows behind it.

    Attributes:
        record: as stored.
        store: that holds it.
        names: what measures are called in tables, where two records took those of one name
            differently (`probe library (train_per_class=20)`).
    """

    record: RunRecord
    store: ResultStore
    names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def values(self) -> dict[tuple[str, str, str], Value]:
        """Every value, by measure as tables call it, metric and simple method."""
        return {
            (self.name_of(value.measure), value.metric, value.row): value
            for value in self.record.values
        }

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each test example of each measure."""
        return self.store.examples(self.record.name)

    @cached_property
    def examples(self) -> dict[tuple[str, str, str], pd.DataFrame]:
        """The test examples behind each value."""
        return {
            (self.name_of(str(measure)), str(metric), str(row)): part
            for (measure, metric, row), part in self.table.groupby(
                ["measure", "metric", "row"], sort=False, observed=True
            )
        }

    @cached_property
    def exhibits(self) -> dict[str, list[dict[str, Any]]]:
        """Examples for the eye, by measure as the record calls it."""
        return self.store.exhibits(self.record.name)

    @cached_property
    def curve(self) -> pd.DataFrame:
        """The points of its training."""
        return self.store.curve(self.record.name)

    def named(self, names: Mapping[str, str]) -> "StoredRun":
        """The same with other names of its measures; files that were read are not read again."""
        again = replace(self, names=names)
        read: dict[str, Any] = {
            name: self.__dict__[name] for name in ("table", "curve") if name in self.__dict__
        }
        again.__dict__.update(read)
        return again

    def name_of(self, measure: str) -> str:
        """What tables call a measure of this record."""
        return self.names.get(measure, measure)


@dataclass(frozen=True, eq=False)
class Model:
    """One model at one seed, in every record that measured it.

    Attributes:
        runs: its records, the newest first.
    """

    runs: tuple[StoredRun, ...]

    @property
    def record(self) -> RunRecord:
        """For what all of its records share."""
        return self.runs[0].record

    @property
    def seed(self) -> int:
        """Of weights and data."""
        return self.record.seed

    def value(self, figure: Figure, method: str = "") -> Value | None:
        """One of its figures, from the first record that has it."""
        found = [
            run.values[*figure, method] for run in self.runs if (*figure, method) in run.values
        ]
        return next((value for value in found if value.value is not None), next(iter(found), None))

    def sample(self, figure: Figure, method: str = "") -> Sample | None:
        """The figure with what each test example contributes, or None without a figure."""
        for run in self.runs:
            value = run.values.get((*figure, method))
            if value is not None and value.value is not None:
                estimator = run.record.metric(value.measure, value.metric).estimator
                return sample(value.value, estimator, run.examples.get((*figure, method)))
        return None

    def examples(self, figure: Figure) -> pd.DataFrame | None:
        """The rows behind one of its figures, from the record that the figure is from."""
        for run in self.runs:
            value = run.values.get((*figure, ""))
            if value is not None and value.value is not None:
                return run.examples.get((*figure, ""))
        return None


@dataclass(frozen=True, eq=False)
class Row:
    """The same configuration at one or several seeds, or a simple method.

    Attributes:
        label: how tables name it, as the user may have typed it.
        kind: `run`, `untrained` or `baselines`.
        models: one a seed, in the order of the seeds; of a simple method a single one.
        settings: what it was trained with; empty for simple methods.
        method: of baselines, which simple method.
    """

    label: str
    kind: str
    models: tuple[Model, ...]
    settings: Flat = field(default_factory=dict)
    method: str = ""

    @property
    def objective(self) -> str:
        """What was trained; several rows may differ in its settings."""
        return self.models[0].record.objective

    @property
    def record(self) -> RunRecord:
        """Of its first seed, for what does not differ between seeds."""
        return self.models[0].record

    @property
    def seeds(self) -> list[int]:
        """Of its models."""
        return [model.seed for model in self.models]

    def note(self, figure: Figure) -> str:
        """What stands beside the figure, of the first seed that has it or else of the first."""
        values = [value for model in self.models if (value := model.value(figure, self.method))]
        with_one = (value for value in values if value.value is not None)
        found = next(with_one, next(iter(values), None))
        return found.note if found else ""

    def missing(self, figure: Figure) -> dict[int, str]:
        """The seeds without a figure, each with the note that says why, or ""."""
        values = {model.seed: model.value(figure, self.method) for model in self.models}
        return {
            seed: value.note if value else ""
            for seed, value in values.items()
            if value is None or value.value is None
        }
