"""What is compared with what: runs that may be ranked together, their references, their figures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from results.record import RunRecord
from results.statistics import (
    Contrast,
    Estimate,
    bootstrap,
    example_contrast,
    percentile_interval,
    seed_contrast,
    t_interval,
)
from results.store import ResultStore

_TRAINING_SETTINGS = ("model", "objective", "dataset", "budget", "trainer")
"""Parts of a configuration that tell one row from another."""


@dataclass(frozen=True)
class StoredRun:
    """A record and the rows behind it."""

    record: RunRecord
    store: ResultStore

    @cached_property
    def examples(self) -> pd.DataFrame:
        """A row for each test example of each measure."""
        return self.store.examples(self.record.name)

    @cached_property
    def curve(self) -> pd.DataFrame:
        """The points of its training."""
        return self.store.curve(self.record.name)

    def figure(self, measure: str, metric: str, row: str = "") -> float | None:
        """One value of the record, or None."""
        for value in self.record.values:
            if (value.measure, value.metric, value.row) == (measure, metric, row):
                return value.value
        return None

    def note(self, measure: str, metric: str) -> str:
        """What the record says beside that value."""
        for value in self.record.values:
            if (value.measure, value.metric) == (measure, metric):
                return value.note
        return ""


@dataclass(frozen=True)
class Row:
    """One line of a table: the same configuration at one or several seeds, or a simple method.

    Attributes:
        label: how tables name it.
        kind: `run`, `untrained` or `anchors`.
        runs: one a seed, in the order of the seeds.
        anchor: of anchors, which simple method.
    """

    label: str
    kind: str
    runs: tuple[StoredRun, ...]
    anchor: str = ""

    def estimate(self, measure: str, metric: str) -> Estimate | None:
        """Mean over seeds with Student's t; with one seed, an interval over test examples."""
        values = [run.figure(measure, metric, self.anchor) for run in self.runs]
        present = [value for value in values if value is not None]
        if not present:
            return None
        mean = sum(present) / len(present)
        if len(present) > 1:
            return Estimate(mean, *t_interval(present), "seeds", tuple(present))
        rows = self.examples(measure, metric)
        if rows.empty:
            return Estimate(mean, values=tuple(present))
        drawn = bootstrap(rows, estimator_of(measure, metric), self.resamples)
        return Estimate(mean, *percentile_interval(drawn), "examples", tuple(present))

    def examples(self, measure: str, metric: str) -> pd.DataFrame:
        """The test examples behind a figure of the first seed."""
        rows = self.runs[0].examples
        wanted = (rows["measure"] == measure) & (rows["metric"] == metric)
        return rows[wanted & (rows["row"] == self.anchor)]

    @property
    def resamples(self) -> int:
        """Of the bootstrap, as configured."""
        return int(self.runs[0].record.config["measures"]["bootstrap"])

    @property
    def seeds(self) -> list[int]:
        """Of its runs."""
        return [run.record.seed for run in self.runs]


def contrast(first: Row, second: Row, measure: str, metric: str) -> Contrast | None:
    """First minus second: over shared seeds where there are two, else over test examples."""
    shared = sorted(set(first.seeds) & set(second.seeds))
    sides = []
    for row in (first, second):
        by_seed = {run.record.seed: run.figure(measure, metric, row.anchor) for run in row.runs}
        sides.append([by_seed[seed] for seed in shared])
    pairs = [(a, b) for a, b in zip(*sides, strict=True) if a is not None and b is not None]
    if len(pairs) > 1:
        return seed_contrast([a for a, _ in pairs], [b for _, b in pairs])
    one, other = first.examples(measure, metric), second.examples(measure, metric)
    figures = (
        first.runs[0].figure(measure, metric, first.anchor),
        second.runs[0].figure(measure, metric, second.anchor),
    )
    if one.empty or other.empty or figures[0] is None or figures[1] is None:
        return None
    estimator = estimator_of(measure, metric)
    return example_contrast(one, other, estimator, first.resamples, figures[0] - figures[1])


def estimator_of(measure: str, metric: str) -> str:
    """How a figure is computed from its rows."""
    if metric == "spearman":
        return "spearman"
    return "ratio" if measure.startswith("loss ") else "mean"


@dataclass(frozen=True)
class Stratum:
    """Runs that may be ranked together: equal model, budget, tokenizer, data and measures.

    Attributes:
        key: what is equal.
        models: the trained rows.
        untrained: the untrained row, if it was measured.
        anchors: simple methods.
        failed: runs that did not finish.
    """

    key: dict[str, str]
    models: list[Row]
    untrained: Row | None
    anchors: list[Row]
    failed: list[RunRecord] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """All rows of a table, simple methods first."""
        return [*self.anchors, *([self.untrained] if self.untrained else []), *self.models]

    @property
    def start(self) -> str:
        """What its models were before training, as an adjective."""
        return self.untrained.label if self.untrained else "untrained"

    @property
    def record(self) -> RunRecord:
        """Any record, for what all share."""
        return (self.models[0].runs[0].record) if self.models else self.failed[0]

    def measures(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Every (measure, metric) with that beginning, in the order of the records."""
        seen: dict[tuple[str, str], None] = {}
        for row in [*self.models, *([self.untrained] if self.untrained else [])]:
            for run in row.runs:
                for value in run.record.values:
                    if value.measure.startswith(prefix):
                        seen[value.measure, value.metric] = None
        yield from seen

    def anchor(self, name: str) -> Row | None:
        """The simple method of that name."""
        return next((row for row in self.anchors if row.anchor == name), None)


def strata(runs: Iterable[StoredRun]) -> list[Stratum]:
    """Sort runs into groups that may be ranked, each with the references that fit it."""
    runs = _without_doubles(runs)
    keys: dict[tuple[tuple[str, str], ...], list[StoredRun]] = {}
    for run in runs:
        if run.record.kind == "run":
            keys.setdefault(tuple(sorted(run.record.stratum.items())), []).append(run)
    found = []
    for key, members in sorted(keys.items()):
        fitting = [run for run in runs if set(run.record.stratum.items()) <= set(key)]
        finished = [run for run in members if run.record.status == "finished"]
        seeds = {run.record.seed for run in members}
        untrained = [
            run
            for run in fitting
            if run.record.kind == "untrained"
            and run.record.status == "finished"
            and run.record.seed in seeds
        ]
        found.append(
            Stratum(
                key=dict(key),
                models=_rows(finished),
                untrained=_start_row(untrained),
                anchors=[row for run in fitting for row in _anchor_rows(run)],
                failed=[run.record for run in members if run.record.status == "failed"],
            )
        )
    return found


def _start_row(runs: Sequence[StoredRun]) -> Row | None:
    """What models were before training: `untrained`, or of a checkpoint `unchanged`."""
    return Row(runs[0].record.objective, "untrained", _by_seed(runs)) if runs else None


def _without_doubles(runs: Iterable[StoredRun]) -> list[StoredRun]:
    """One record a trained model, and one of anchors a corpus: the one that measured most.

    The same model may have been measured again with a further probe or column.
    """
    fullest: dict[tuple[object, ...], StoredRun] = {}
    for run in runs:
        record = run.record
        stratum = tuple(sorted(record.stratum.items()))
        place: tuple[object, ...] = (
            record.kind,
            stratum,
            record.training.get("folder", record.kind),
        )
        if record.status == "failed":
            place = (record.name,)
        kept = fullest.get(place)
        if kept is None or len(record.values) > len(kept.record.values):
            fullest[place] = run
    return list(fullest.values())


def _rows(runs: Sequence[StoredRun]) -> list[Row]:
    """One row a configuration, named by its objective and by what tells it from its like."""
    groups: dict[str, list[StoredRun]] = {}
    settings: dict[str, dict[str, Any]] = {}
    for run in runs:
        flat = _flat({k: v for k, v in run.record.config.items() if k in _TRAINING_SETTINGS})
        key = repr(sorted(flat.items()))
        groups.setdefault(key, []).append(run)
        settings[key] = flat
    rows = []
    for key, members in groups.items():
        name = members[0].record.objective
        others = [
            settings[other]
            for other, runs_of in groups.items()
            if other != key and runs_of[0].record.objective == name
        ]
        differing = sorted(
            setting
            for setting, value in settings[key].items()
            if any(other.get(setting) != value for other in others)
        )
        told = ", ".join(f"{s.removeprefix('objective.')}={settings[key][s]}" for s in differing)
        rows.append(Row(f"{name} ({told})" if told else name, "run", _by_seed(members)))
    return rows


def _anchor_rows(run: StoredRun) -> list[Row]:
    if run.record.kind != "anchors":
        return []
    names = dict.fromkeys(value.row for value in run.record.values)
    return [Row(name, "anchors", (run,), anchor=name) for name in names]


def _by_seed(runs: Iterable[StoredRun]) -> tuple[StoredRun, ...]:
    return tuple(sorted(runs, key=lambda run: run.record.seed))


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat
