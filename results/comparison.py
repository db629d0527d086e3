"""What is compared with what: runs that may be ranked together, their references, their figures."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from results.influence import Sample
from results.record import Metric, RunRecord
from results.rows import Figure, Model, Row, StoredRun
from results.settings import (
    Flat,
    commonest,
    differing,
    key_of,
    leading,
    measure_settings,
    told,
    training_settings,
)
from results.statistics import (
    Contrast,
    Estimate,
    Variance,
    contrast,
    estimate,
    of_difference,
    summed,
    with_alike,
)

PROVENANCE = ("hardware", "python", "platform", "source")
"""Of the environment, what is not the version of a package."""


class Stratum:
    """Runs that may be ranked together; each figure and each contrast is worked out once.

    Attributes:
        key: what is equal: model, budget, tokenizer, data, measures, source code, versions.
        models: the trained rows.
        untrained: rows before training; several where they were measured in several ways.
        baselines: simple methods.
        failed: records of runs that did not finish.
        raw: measures as records name them, by what tables call them.
    """

    def __init__(
        self,
        key: dict[str, str],
        models: list[Row],
        untrained: list[Row],
        baselines: list[Row],
        failed: list[RunRecord],
        raw: dict[str, str],
    ) -> None:
        self.key, self.models, self.untrained = key, models, untrained
        self.baselines, self.failed, self.raw = baselines, failed, raw
        self._samples: dict[tuple[Row, Figure], dict[int, Sample]] = {}
        self._estimates: dict[tuple[Row, Figure], Estimate | None] = {}
        self._contrasts: dict[tuple[Row, Row, Figure], Contrast | None] = {}
        self._variances: dict[Figure, dict[Row, Variance]] = {}

    @property
    def rows(self) -> list[Row]:
        """All rows of a table, simple methods first."""
        return [*self.baselines, *self.untrained, *self.models]

    @property
    def start(self) -> str:
        """What its models were before training, as an adjective."""
        return self.untrained[0].objective if self.untrained else "untrained"

    @property
    def record(self) -> RunRecord:
        """Any record, for what all share."""
        return self.models[0].record if self.models else self.failed[0]

    @property
    def objectives(self) -> list[str]:
        """What was trained, each once."""
        return list(dict.fromkeys(row.objective for row in self.models))

    def measures(self, prefix: str) -> Iterator[Figure]:
        """Every figure with that beginning, those of the first records first."""
        seen: dict[Figure, None] = {}
        for row in [*self.models, *self.untrained]:
            for model in row.models:
                for run in model.runs:
                    for measure, metric, _ in run.values:
                        if measure.startswith(prefix):
                            seen[measure, metric] = None
        yield from seen

    def metric(self, figure: Figure) -> Metric:
        """What a figure is, as the first record that has it says."""
        for row in [*self.models, *self.untrained]:
            for run in (run for model in row.models for run in model.runs):
                for value in run.record.values:
                    if (run.name_of(value.measure), value.metric) == figure:
                        return run.record.metric(value.measure, value.metric)
        return Metric(figure[1])

    def traits(self, measure: str) -> dict[str, Any]:
        """What the objective of a loss column states of itself; empty for the natural pairs."""
        raw = self.raw.get(measure, measure)
        for row in [*self.models, *self.untrained]:
            for run in (run for model in row.models for run in model.runs):
                if run.name_of(raw) == measure and raw.removeprefix("loss ") in run.record.columns:
                    return run.record.columns[raw.removeprefix("loss ")]
        return {}

    def baseline(self, name: str) -> Row | None:
        """The simple method of that name."""
        return next((row for row in self.baselines if row.method == name), None)

    def start_of(self, row: Row) -> Row | None:
        """The row before training that was measured as this one was."""
        shared = [name for name in row.settings if not name.startswith(("objective.", "budget."))]
        for start in self.untrained:
            settings = (training_settings(run.record) for m in start.models for run in m.runs)
            if any(all(own.get(n) == row.settings[n] for n in shared) for own in settings):
                return start
        return None

    def estimate(self, row: Row, measure: str, metric: str) -> Estimate | None:
        """The mean over seeds with its interval over seeds and test examples."""
        figure = measure, metric
        if (row, figure) not in self._estimates:
            samples = list(self._samples_of(row, figure).values())
            lowest = 0.0 if self._in_nats(measure) else -math.inf
            self._estimates[row, figure] = (
                estimate(samples, self._common(row, figure), lowest=lowest) if samples else None
            )
        return self._estimates[row, figure]

    def _in_nats(self, measure: str) -> bool:
        """Whether it is a loss of -log p, which nothing takes below 0."""
        if not measure.startswith("loss "):
            return False
        return str(self.traits(measure).get("quantity", "nats")).startswith("nats")

    def contrast(self, first: Row, second: Row, measure: str, metric: str) -> Contrast | None:
        """First minus second on the seeds that both have; None where there is none."""
        figure = measure, metric
        if (first, second, figure) not in self._contrasts:
            self._contrasts[first, second, figure] = self._contrast(first, second, figure)
        return self._contrasts[first, second, figure]

    def _contrast(self, first: Row, second: Row, figure: Figure) -> Contrast | None:
        sides = [self._samples_of(row, figure) for row in (first, second)]
        if not all(sides):
            return None
        for place, row in enumerate((first, second)):  # a simple method is the same at any seed
            if row.kind == "baselines":
                (only,) = sides[place].values()
                sides[place] = dict.fromkeys(sides[1 - place], only)
        seeds = sorted(set(sides[0]) & set(sides[1]))
        if not seeds:
            return None
        if first.kind == second.kind == "run":
            one, other = (_over_seeds(side) for side in sides)
            variance = of_difference(one, other, self._others(figure, first, second))
        else:
            variance = summed(self._common(first, figure), self._common(second, figure))
        left, right = ([side[seed] for seed in seeds] for side in sides)
        return contrast(left, right, seeds, variance)

    def _samples_of(self, row: Row, figure: Figure) -> dict[int, Sample]:
        if (row, figure) not in self._samples:
            found = {model.seed: model.sample(figure, row.method) for model in row.models}
            self._samples[row, figure] = {s: each for s, each in found.items() if each is not None}
        return self._samples[row, figure]

    def _common(self, row: Row, figure: Figure) -> Variance:
        """Of one seed's figure over seeds: of a trained row at least what is common to all."""
        own = _over_seeds(self._samples_of(row, figure))
        if row.kind == "baselines":
            return Variance(0.0, 0.0)
        if row.kind != "run":
            return own
        common = with_alike(own, self._others(figure, row))
        return Variance(max(common.value, own.value), common.freedom)

    def _others(self, figure: Figure, *rows: Row) -> list[Variance]:
        """Of each trained row but these, over its seeds."""
        if figure not in self._variances:
            self._variances[figure] = {
                row: _over_seeds(self._samples_of(row, figure)) for row in self.models
            }
        return [own for row, own in self._variances[figure].items() if row not in rows]


def _over_seeds(samples: dict[int, Sample]) -> Variance:
    return Variance.of([each.value for each in samples.values()])


def strata(runs: Iterable[StoredRun]) -> list[Stratum]:
    """Sort runs into groups that may be ranked, each with the references that fit it."""
    runs = sorted(runs, key=lambda run: (run.record.created, run.record.name), reverse=True)
    groups: dict[str, list[StoredRun]] = {}
    for run in runs:
        if run.record.kind == "run":
            groups.setdefault(key_of(_key(run.record)), []).append(run)
    found = []
    for members in _not_made_again(list(groups.values())):
        key = _key(members[0].record)
        references = [
            run
            for run in runs
            if run.record.kind != "run" and _key(run.record).items() <= key.items()
        ]
        found.append(_stratum(key, members, references))
    return sorted(found, key=lambda stratum: key_of(stratum.key))


def _key(record: RunRecord) -> dict[str, str]:
    versions = [f"{k} {v}" for k, v in record.environment.items() if k not in PROVENANCE]
    source = record.environment.get("source", "")
    return {**record.stratum, "source": source, "versions": ", ".join(sorted(versions))}


def _not_made_again(groups: list[list[StoredRun]]) -> list[list[StoredRun]]:
    """Groups less those of which every run was made again, later and by other code."""

    def identity(run: StoredRun) -> tuple[str, str, int]:
        record = run.record
        return key_of(record.stratum), key_of(training_settings(record)), record.seed

    made = [
        (max(run.record.created for run in group), {identity(r) for r in group}, group)
        for group in groups
    ]
    return [
        group
        for when, runs, group in made
        if not any(later > when and runs <= others for later, others, _ in made)
    ]


def _stratum(key: dict[str, str], members: list[StoredRun], references: list[StoredRun]) -> Stratum:
    usable = [
        run
        for run in (*members, *references)
        if run.record.status == "finished" or run.record.kind == "baselines"
    ]
    names = _measure_names(usable)
    named = [run.named(names[run]) for run in usable]
    seeds = {run.record.seed for run in members}
    baselines = [run for run in named if run.record.kind == "baselines"]
    methods = dict.fromkeys(value.row for run in baselines for value in run.record.values)
    starts = _rows(
        [run for run in named if run.record.kind == "untrained" and run.record.seed in seeds]
    )
    return Stratum(
        key=key,
        models=_rows([run for run in named if run.record.kind == "run"]),
        untrained=_merged(starts),
        baselines=[
            Row(name, "baselines", (Model(tuple(baselines)),), method=name)
            for name in sorted(methods)
        ],
        failed=[run.record for run in (*members, *references) if run.record.status == "failed"],
        raw={shown: raw for each in names.values() for raw, shown in each.items()},
    )


def _measure_names(runs: Sequence[StoredRun]) -> dict[StoredRun, dict[str, str]]:
    """What tables call each run's measures: with their settings where those differ."""
    taken: dict[str, dict[str, Flat]] = {}
    settings: dict[tuple[StoredRun, str], Flat] = {}
    for run in runs:
        for measure in dict.fromkeys(value.measure for value in run.record.values):
            own = settings[run, measure] = measure_settings(run.record, measure)
            taken.setdefault(measure, {})[key_of(own)] = own
    names: dict[StoredRun, dict[str, str]] = {run: {} for run in runs}
    for (run, measure), own in settings.items():
        others = list(taken[measure].values())
        more = f" ({told(own, differing(others))})" if len(others) > 1 else ""
        names[run][measure] = measure + more
    return names


def _rows(runs: Sequence[StoredRun]) -> list[Row]:
    """One row a configuration, named by its objective and by what tells it from the others.

    Of an objective's own settings those count that differ between the rows of that objective; of
    all others those that are not what most rows have.
    """
    groups: dict[str, dict[int, list[StoredRun]]] = {}
    settings: dict[str, Flat] = {}
    for run in runs:
        own = training_settings(run.record)
        key = f"{run.record.objective} {key_of(own)}"
        groups.setdefault(key, {}).setdefault(run.record.seed, []).append(run)
        settings[key] = own
    usual = {
        name: commonest(list(settings.values()), name)
        for name in differing(list(settings.values()))
        if not name.startswith("objective.")
    }
    rows = []
    for key, seeds in groups.items():
        objective = next(iter(seeds.values()))[0].record.objective
        alike = [s for other, s in settings.items() if other.startswith(f"{objective} ")]
        names = [name for name in differing(alike) if name.startswith("objective.")]
        names += [name for name, value in usual.items() if settings[key].get(name) != value]
        more = told(settings[key], leading(names, list(settings.values())))
        models = tuple(Model(tuple(seeds[seed])) for seed in sorted(seeds))
        kind = models[0].record.kind
        rows.append(
            Row(f"{objective} ({more})" if more else objective, kind, models, settings[key])
        )
    return sorted(rows, key=lambda row: row.label)


def _merged(rows: list[Row]) -> list[Row]:
    """Rows less those whose every figure another has too: settings that changed nothing."""
    kept: list[Row] = []
    for row in rows:
        twin = next((place for place, other in enumerate(kept) if _agree(row, other)), None)
        if twin is None:
            kept.append(row)
            continue
        by_seed: dict[int, tuple[StoredRun, ...]] = {}
        for model in (*kept[twin].models, *row.models):
            by_seed[model.seed] = (*by_seed.get(model.seed, ()), *model.runs)
        models = tuple(Model(by_seed[seed]) for seed in sorted(by_seed))
        kept[twin] = replace(kept[twin], models=models)
    if len(kept) == 1:
        return [replace(kept[0], label=kept[0].objective)]
    return kept


def _agree(first: Row, second: Row) -> bool:
    """Whether the two have the same figure wherever both have one, and both have some."""
    sides = [
        {
            (model.seed, *place): value.value
            for model in row.models
            for run in model.runs
            for place, value in run.values.items()
        }
        for row in (first, second)
    ]
    shared = sides[0].keys() & sides[1].keys()
    return bool(shared) and all(sides[0][place] == sides[1][place] for place in shared)
