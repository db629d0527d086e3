"""One job from configuration to record: pretrain, losses, probes, record."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from results.record import FINISHED, Metric, RunRecord, Value
from results.store import EXAMPLE_COLUMNS, ResultStore
from results.training import TrainingFacts
from runners.distributed import ranks
from runners.facts import provenance, stated_traits, training_facts
from runners.follow import call_others
from runners.hardware import set_up
from runners.job import Job
from runners.measures.baselines import Baselines, loss_baselines, pair_baselines
from runners.measures.curve import HeldOutCurve
from runners.measures.pairs import natural_pair_splits
from runners.measuring import Attempts, Measures, help_measuring, measure, start_of
from runners.probes.base import Task
from runners.progress import Progress
from runners.training.pretrain import pretrain, trained_already


def run_job(job: Job, store: ResultStore, progress: Progress) -> RunRecord:
    """Run a job, unless it is finished already, and add its record to the store.

    An exception becomes a failed record, so that the other jobs of a sweep go on; an interrupt
    and a full disk are not caught. The next try goes on from the last checkpoint: a training that
    diverged does so again at the same step, after the few updates since then.
    """
    existing = store.finished(job.record_name)
    if existing is not None:
        progress.say(f"{job.record_name} is finished already")
        return existing
    curve: list[dict[str, Any]] = []
    measures: Measures = {}
    training: TrainingFacts | None = None
    attempts = Attempts(job.label, progress)
    with attempts.at(""):
        start = f"{job.label} model, seed {job.config.seed}"
        progress.stage("pretraining" if job.config.objective else start)
        trained = pretrain(
            job.config.recipe,
            job.corpus,
            job.models,
            progress,
            held_out_curve(job),
            call_others=partial(call_others, job.config) if ranks().world > 1 else None,
        )
        curve = trained.training.curve
        training = training_facts(trained, job.config)
        measures = measure(job, trained, attempts)
    record = replace(
        _record_of(job),
        status="failed" if attempts.error else "finished",
        training=training,
        metrics=_metrics(job, [measures]),
        values=_values(measures),
        error=attempts.error,
    )
    exhibits = {
        name: list(measurement.exhibits)
        for name, measurements in measures.items()
        for measurement in measurements
        if measurement.exhibits
    }
    return store.add(record, curve=curve, examples=_examples(measures), exhibits=exhibits)


def fallen(job: Job, error: str, store: ResultStore) -> RunRecord:
    """The failed record of a job whose process died, unless it is finished.

    Args:
        job: trained or not.
        error: what became of it.
        store: that keeps it.
    """
    return _add_failed(replace(_record_of(job), status="failed", error=error), store)


def fallen_baselines(job: Job, error: str, store: ResultStore) -> RunRecord:
    """As `fallen`, of what a job is compared with that needs no model."""
    return _add_failed(replace(_record_of_baselines(job), status="failed", error=error), store)


def _add_failed(record: RunRecord, store: ResultStore) -> RunRecord:
    return store.add(record, curve=[], examples=_examples({}))


def _record_of(job: Job) -> RunRecord:
    """What a record says of a job before anything is measured."""
    return RunRecord(
        name=job.record_name,
        kind="run" if job.config.objective else "untrained",
        status="finished",
        objective=job.label,
        seed=job.config.seed,
        traits=(
            stated_traits(job.config.objective)
            if job.config.objective
            else dict(zip(("attention", "likelihood"), start_of(job), strict=True))
        ),
        stratum=job.stratum,
        **provenance(job),
    )


def _record_of_baselines(job: Job) -> RunRecord:
    return RunRecord(
        name=job.baselines_name,
        kind="baselines",
        status="finished",
        objective="",
        seed=0,
        stratum={key: job.stratum[key] for key in ("data", "tokenizer", "measures")},
        **provenance(job),
    )


def references(job: Job) -> dict[str, Callable[[ResultStore, Progress], RunRecord]]:
    """What a job is compared with, by the name of its record: what it begins with, and methods
    that need no model.
    """  # noqa: D205
    starts = {start.record_name: partial(run_job, start) for start in job.starts}
    return {**starts, job.baselines_name: partial(run_baselines, job)}


def help_job(job: Job, progress: Progress) -> bool:
    """Take measures of a job that another process is at.

    Returns:
        False where it is still being trained.
    """
    trained = trained_already(job.config.recipe, job.corpus, job.models)
    if trained is None:
        return False
    help_measuring(job, trained, Attempts(job.label, progress))
    return True


def run_baselines(job: Job, store: ResultStore, progress: Progress) -> RunRecord:
    """Losses and probes by methods that need no model; as `run_job`."""
    existing = store.finished(job.baselines_name)
    if existing is not None:
        return existing
    progress.stage("simple baselines")
    set_up(job.config.trainer)
    rows: Baselines = {}
    attempts = Attempts("simple baselines", progress)
    for name, compute in _baselines(job).items():
        with attempts.at(name):
            for row, measures in compute().items():
                rows.setdefault(row, {}).update(measures)
    exhibits = {}
    for name, task in job.tasks.items():
        with attempts.at(f"examples of {name}"):
            exhibits[f"probe {name}"] = [shown.exhibit() for shown in task.shown]
    record = replace(
        _record_of_baselines(job),
        status="failed" if attempts.error else "finished",
        metrics=_metrics(job, rows.values()),
        values=tuple(v for row, measures in rows.items() for v in _values(measures, row)),
        error=attempts.error,
    )
    examples = [_examples(measures, row) for row, measures in rows.items()]
    whole = pd.concat(examples) if examples else _examples({})
    return store.add(record, curve=[], examples=whole, exhibits=exhibits)


def _baselines(job: Job) -> dict[str, Callable[[], Baselines]]:
    """What needs no model, by measure."""
    measures = job.config.measures
    found: dict[str, Callable[[], Baselines]] = {
        f"loss {column.name}": partial(loss_baselines, column, job.corpus, measures)
        for column in job.config.columns
    }
    found["loss pairs"] = lambda: (
        pair_baselines(measures) if natural_pair_splits(job.corpus, measures) else {}
    )
    for name, task in job.tasks.items():
        found[f"probe {name}"] = partial(_probe_baselines, job, name, task)
    return found


def _probe_baselines(job: Job, name: str, task: Task) -> Baselines:
    """What simple methods say is the same after the finish."""
    ends = ("",) if job.config.finish.probe is None else ("", FINISHED)
    return {
        method: {f"probe {name}{end}": found for end in ends}
        for method, found in task.baselines().items()
    }


def held_out_curve(job: Job) -> HeldOutCurve | None:
    """What a training measures along the way."""
    objective = job.config.objective
    return HeldOutCurve(objective, job.corpus, job.config.trainer) if objective else None


def _metrics(job: Job, found: Iterable[Measures]) -> dict[str, tuple[Metric, ...]]:
    """What the figures are: those that a probe declares first, in its order."""
    metrics = {f"probe {probe.name}": dict.fromkeys(probe.metrics) for probe in job.config.probes}
    for measures in found:
        for name, measurements in measures.items():
            metrics.setdefault(name, {}).update(dict.fromkeys(m.metric for m in measurements))
    return {name: tuple(each) for name, each in metrics.items()}


def _values(measures: Measures, row: str = "") -> tuple[Value, ...]:
    return tuple(
        Value(
            name,
            measurement.metric.name,
            measurement.value,
            measurement.note,
            row,
            dict(measurement.options),
            measurement.reads,
        )
        for name, measurements in measures.items()
        for measurement in measurements
    )


def _examples(measures: Measures, row: str = "") -> pd.DataFrame:
    parts = [
        measurement.examples.assign(measure=name, metric=measurement.metric.name, row=row)
        for name, measurements in measures.items()
        for measurement in measurements
        if measurement.examples is not None
    ]
    return pd.concat(parts) if parts else pd.DataFrame(columns=EXAMPLE_COLUMNS)
