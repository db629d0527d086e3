"""One job from configuration to record: pretrain, losses, probes, record."""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from models.batch import AttentionKind
from models.checkpoint_size import PretrainedConfig
from objectives.base import Likelihood
from results.record import Metric, RunRecord, Value
from results.store import EXAMPLE_COLUMNS, ResultStore
from results.training import TrainingFacts
from runners.configuration.experiment import ExperimentConfig
from runners.facts import provenance, stated_traits, training_facts
from runners.hardware import set_up
from runners.identity import code_hash, name_of
from runners.job import Job
from runners.measures.baselines import Baselines, loss_baselines, pair_baselines
from runners.measures.cache import measured
from runners.measures.curve import HeldOutCurve
from runners.measures.geometry import measure_geometry, texts_of
from runners.measures.losses import measure_column
from runners.measures.measurement import Measurement
from runners.measures.pairs import measure_pairs, natural_pair_splits
from runners.measures.text_model import TextModel
from runners.plain import plain
from runners.probes.base import Task
from runners.progress import Progress
from runners.training.pretrain import Trained, pretrain

Measures = dict[str, list[Measurement]]
"""By name of the measure: `loss clm`, `loss pairs`, `probe retrieval`."""

Keeper = Callable[[Path, str, Callable[[], list[Measurement]]], list[Measurement]]
"""As `measured`: of a folder and a name, the measurements, computed if need be."""


def run_job(job: Job, store: ResultStore, progress: Progress) -> RunRecord:
    """Run a job, unless it is finished already, and add its record to the store.

    An exception becomes a failed record, so that the other jobs of a sweep go on; an interrupt
    is not caught, and the next try goes on from the last checkpoint.
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
        progress.stage("pretraining" if job.config.objective else "initializing")
        trained = pretrain(job.config.recipe, job.corpus, job.models, progress, held_out_curve(job))
        curve = trained.training.curve
        training = training_facts(trained, job.config)
        measures = measure(job, trained, attempts)
    record = RunRecord(
        name=job.record_name,
        kind="run" if job.config.objective else "untrained",
        status="failed" if attempts.error else "finished",
        objective=job.label,
        seed=job.config.seed,
        traits=(
            stated_traits(job.config.objective)
            if job.config.objective
            else dict(zip(("attention", "likelihood"), _start(job.config), strict=True))
        ),
        training=training,
        metrics=_metrics(job, [measures]),
        values=_values(measures),
        error=attempts.error,
        stratum=job.stratum,
        **provenance(job),
    )
    exhibits = {
        name: list(measurement.exhibits)
        for name, measurements in measures.items()
        for measurement in measurements
        if measurement.exhibits
    }
    return store.add(record, curve=curve, examples=_examples(measures), exhibits=exhibits)


def run_references(jobs: Iterable[Job], store: ResultStore, progress: Progress) -> list[RunRecord]:
    """The untrained model of every seed and model, and the baselines of every corpus."""
    found = {}
    for job in jobs:
        untrained = replace(job, config=replace(job.config, objective=None))
        if untrained.record_name not in found:
            progress.stage(f"{untrained.label} model, seed {job.config.seed}")
            found[untrained.record_name] = run_job(untrained, store, progress)
        if job.baselines_name not in found:
            progress.stage("simple baselines")
            found[job.baselines_name] = _run_baselines(job, store, progress)
    return list(found.values())


def _run_baselines(job: Job, store: ResultStore, progress: Progress) -> RunRecord:
    existing = store.finished(job.baselines_name)
    if existing is not None:
        return existing
    set_up(job.config.trainer)
    rows: Baselines = {}
    attempts = Attempts("simple baselines", progress)
    for name, compute in _baselines(job).items():
        with attempts.at(name):
            for row, measures in compute().items():
                rows.setdefault(row, {}).update(measures)
    stratum = {key: job.stratum[key] for key in ("data", "tokenizer", "measures")}
    record = RunRecord(
        name=job.baselines_name,
        kind="baselines",
        status="failed" if attempts.error else "finished",
        objective="",
        seed=0,
        stratum=stratum,
        metrics=_metrics(job, rows.values()),
        values=tuple(v for row, measures in rows.items() for v in _values(measures, row)),
        error=attempts.error,
        **provenance(job),
    )
    examples = [_examples(measures, row) for row, measures in rows.items()]
    whole = pd.concat(examples) if examples else _examples({})
    return store.add(record, curve=[], examples=whole)


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
        found[f"probe {name}"] = partial(_probe_baselines, name, task)
    return found


def _probe_baselines(name: str, task: Task) -> Baselines:
    return {method: {f"probe {name}": found} for method, found in task.baselines().items()}


def held_out_curve(job: Job) -> HeldOutCurve | None:
    """What a training measures along the way."""
    objective = job.config.objective
    return HeldOutCurve(objective, job.corpus, job.config.trainer) if objective else None


class Attempts:
    """Parts of a job that are tried one by one, so that one that fails costs no other.

    Args:
        label: of the job, for messages.
        progress: told of every part, and of what fails.
        strict: let a failure pass.

    Attributes:
        error: what failed and why; empty if nothing did.
    """

    def __init__(self, label: str, progress: Progress, *, strict: bool = False) -> None:
        self._label, self.progress, self._strict = label, progress, strict
        self.error = ""

    @contextlib.contextmanager
    def at(self, part: str) -> Iterator[None]:
        """Try a part; an interrupt is not caught.

        Args:
            part: its name, or "" for the whole job.
        """
        try:
            yield
        except Exception as exception:
            if self._strict:
                raise
            error = f"{type(exception).__name__}: {exception}"
            error = f"{part}: {error}" if part else error
            self.error += ("; " if self.error else "") + error
            self.progress.say(f"{self._label} failed: {error}")
            traceback.print_exc(file=sys.stderr)


def _start(config: ExperimentConfig) -> tuple[AttentionKind, Likelihood]:
    """How a model is read before any objective has trained it: weights drawn at random say nothing
    from left to right; a checkpoint is read as it was trained.
    """  # noqa: D205
    own = config.model.own_attention
    if isinstance(config.model, PretrainedConfig) and own == "bidirectional":
        return own, "pseudo"
    return own, "causal"


def measure(job: Job, trained: Trained, attempts: Attempts, keep: Keeper = measured) -> Measures:
    """All losses and probes of a trained model; what fails is left out.

    Args:
        job: what is measured, and how.
        trained: the model.
        attempts: at every measure.
        keep: takes the measurements of a name, or has them.
    """
    found: Measures = {}
    config, objective = job.config, job.config.objective
    attention, likelihood = _start(config)
    if objective is not None:
        attention, likelihood = objective.traits.attention, objective.traits.likelihood
    model = TextModel(
        trained.model,
        job.corpus,
        attention=attention,
        likelihood=likelihood,
        pooling=config.measures.pooling,
        every_layer=config.measures.layers == "all",
        every_pooling=config.measures.poolings == "all",
        passes=config.measures.passes,
        within_word=config.measures.within_word,
        trainer=config.trainer,
        objectives=objective.columns if objective else config.columns,
    )
    trained_on = objective.columns if objective else ()

    def take(
        name: str, file: str, settings: object, compute: Callable[[], list[Measurement]]
    ) -> None:
        """What a kept measurement depends on beside the model is in the name of its file."""
        attempts.progress.stage(name)
        with attempts.at(name):
            content = [plain(settings), config.trainer.measuring, job.corpus.folder.name]
            file = f"{file}-{name_of(content, code_hash())}"
            found[name] = keep(trained.folder, file, compute)

    for column in config.columns:
        take(
            f"loss {column.name}",
            f"loss-{column.name}",
            [config.measures.measuring, column],
            partial(measure_column, model, column, config.measures, trained_on=trained_on),
        )
    splits = None
    with attempts.at("loss pairs"):
        splits = natural_pair_splits(job.corpus, config.measures)
    if splits:
        take(
            "loss pairs",
            "loss-pairs",
            config.measures.measuring,
            partial(measure_pairs, model, splits, config.measures),
        )
    pairs = splits[1] if splits else None
    texts = texts_of(job.corpus, pairs, config.measures.pairs)
    take(
        "geometry",
        "geometry",
        config.measures.measuring,
        partial(measure_geometry, model, texts, pairs),
    )
    probes = {probe.name: probe for probe in config.probes}
    for name, task in job.tasks.items():
        take(
            f"probe {name}",
            f"probe-{name}",
            [
                config.measures.pooling,
                config.measures.poolings,
                config.measures.layers,
                config.measures.passes,
                config.measures.within_word,
                probes[name],
                task.fingerprint,
                config.seed,
            ],
            partial(task.measure, model, seed=config.seed),
        )
    return found


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
