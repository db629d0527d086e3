"""What jobs will take: training, losses, probes, what they are compared with, and the report.

Nothing is trained: a few updates of each training and small parts of each measure are timed on
throw-away models, and scaled by what is left to do.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from objectives.base import build_model
from results.store import ResultStore
from runners.hardware import set_up
from runners.job import Job
from runners.measures.config import MeasuresConfig
from runners.measures.curve import HELD_OUT_ROWS
from runners.measures.measurement import Measurement
from runners.measures.pairs import natural_pair_splits
from runners.measuring import Attempts, measure
from runners.probes.base import Task
from runners.probes.parts import part_of, scores_texts
from runners.progress import Silent
from runners.spending import expected
from runners.training.budget import Ledger
from runners.training.initial import initial_model
from runners.training.pretrain import training_name
from runners.training.room import MemoryShortError, Room
from runners.training.trained import FACTS, Trained, Training
from runners.training.update import UpdateStep
from runners.training.updates import tokens_of, updates

TIMED_STEPS = 6
TIMED_ROWS = 16

FORWARD_SHARE = 1 / 3
"""Of the operations of an update."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job is expected to take, from where it stands.

    Attributes:
        parameters: trained, heads included.
        ledger: expected at the end of training; only its seconds are timed, the rest is counted
            (runners/spending.py).
        disk: bytes of weights; while it runs, checkpoints of three times as much each, at most
            three of them.
        finished: whether its record is there already.
        seconds: that are left, by stage: `training`, `loss clm`, `probe library`.
    """

    parameters: int
    ledger: Ledger
    disk: int
    finished: bool
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class References:
    """Seconds that are left for what models are compared with, by record.

    Attributes:
        untrained: models before training.
        baselines: what needs no model.
    """

    untrained: dict[str, float]
    baselines: dict[str, float]


@dataclass
class Estimator:
    """Estimates the jobs of one command; what several of them share is timed once."""

    store: ResultStore
    _timed: dict[object, float] = field(default_factory=dict)

    def job(self, job: Job) -> Estimate:
        """A training and its measures."""
        config, corpus, objective = job.config, job.corpus, job.config.objective
        assert objective is not None
        set_up(config.trainer)
        model = build_model(objective, config.model, corpus.vocabulary.size, config.seed)
        tokens = tokens_of(objective.phases[0], corpus)
        step = UpdateStep(
            model.to(config.trainer.device).train(),
            objective,
            config.trainer,
            seed=config.seed,
            tokens=tokens,
        )
        samples: list[Ledger] = []
        room, start = Room(config.trainer.micro_batch_rows), 0.0
        for phase in objective.phases:
            samples.append(_timed(job, step, room, progress=start))
            start += phase.share
        spent = expected(config.recipe, corpus, samples, room)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        finished = self._is_finished(job.record_name)
        seconds: dict[str, float] = {}
        if not finished:
            trained = Trained(model.eval(), Training(Ledger(), ""), _folder(job))
            if not (trained.folder / FACTS).is_file():
                curve = HELD_OUT_ROWS * (config.trainer.evaluations + 1) * FORWARD_SHARE
                a_row = spent.seconds / spent.rows
                seconds["training"] = spent.seconds + a_row * curve * len(objective.columns)
            seconds |= self._measures(job, trained)
        return Estimate(parameters, spent, 4 * parameters, finished, seconds)

    def references(self, jobs: Sequence[Job]) -> References:
        """Untrained models and baselines that are not measured yet, each once."""
        untrained: dict[str, float] = {}
        baselines: dict[str, float] = {}
        for job in jobs:
            for bare in job.starts:
                name = bare.record_name
                if name in untrained or self._is_finished(name):
                    continue
                set_up(job.config.trainer)
                model = initial_model(bare.config.recipe, job.corpus).to(job.config.trainer.device)
                trained = Trained(model.eval(), Training(Ledger(), ""), _folder(bare))
                untrained[name] = sum(self._measures(bare, trained).values())
            name = job.baselines_name
            if name not in baselines and not self._is_finished(name):
                baselines[name] = _baselines(job.tasks.values())
        return References(untrained, baselines)

    def _is_finished(self, name: str) -> bool:
        return self.store.finished(name) is not None

    def _measures(self, job: Job, trained: Trained) -> dict[str, float]:
        """Seconds of each measure that is not on disk."""
        missing: list[str] = []

        def look(folder: Path, name: str, *_: object) -> list[Measurement]:
            missing.append(name if not (folder / "measures" / f"{name}.json").is_file() else "")
            return []

        names = list(measure(job, trained, Attempts(job.label, Silent(), strict=True), look))
        if not any(missing):
            return {}
        timed = self._time_measures(job, trained)
        return {name: timed[name] for name, left in zip(names, missing, strict=True) if left}

    def _time_measures(self, job: Job, trained: Trained) -> dict[str, float]:
        """Seconds of each measure, timed on a part of it and once for models that are alike."""
        config, objective = job.config, job.config.objective
        small, times = _part_of_measures(config.measures)
        parts = {name: part_of(task) for name, task in job.tasks.items()}
        scales = {f"probe-{name}": more for name, (_, more) in parts.items()}
        scales |= {f"finished-{name}": more for name, (_, more) in parts.items()}
        scales["finish"] = scales.get(f"probe-{config.finish.probe}", 1.0)
        scales["loss-pairs"] = _pairs(job, config.measures) / max(1, _pairs(job, small))
        scored = {f"probe-{name}" for name, task in job.tasks.items() if scores_texts(task)}
        seconds: list[float] = []

        def keep(
            _: Path, file: str, compute: Callable[[], list[Measurement]], __: bool
        ) -> list[Measurement]:
            name = file.rpartition("-")[0]  # without the hash, which the seed is part of
            kind: object = None
            if name.startswith("loss-"):
                kind = tuple(sorted(trained.model.heads))
            elif name in scored:
                kind = objective.traits.likelihood if objective else "causal"
            settings = (config.model, config.dataset, config.measures, config.probes)
            if (name, kind, settings) not in self._timed:
                began = time.perf_counter()
                with contextlib.suppress(Exception):  # run says what fails; it fails as soon
                    compute()
                spent = (time.perf_counter() - began) * scales.get(name, times)
                self._timed[name, kind, settings] = spent
            seconds.append(self._timed[name, kind, settings])
            return []

        part = replace(
            job,
            config=replace(config, measures=small),
            tasks={name: task for name, (task, _) in parts.items()},
        )
        names = list(measure(part, trained, Attempts(job.label, Silent(), strict=True), keep))
        return dict(zip(names, seconds, strict=True))


def report_seconds(jobs: int) -> float:
    """What a report takes: its figures are drawn once, and each job adds a little."""
    return 2.0 + 0.1 * jobs


def _part_of_measures(config: MeasuresConfig) -> tuple[MeasuresConfig, float]:
    """Losses on fewer rows with a shorter adaptation, and how many times that the whole is."""
    parts = max(1, config.rows // TIMED_ROWS)
    if config.adaptation_steps:
        parts = min(parts, config.adaptation_steps)
    rows, pairs = max(2, config.rows // parts), max(2, config.pairs // parts)
    small = replace(
        config,
        rows=rows,
        pairs=pairs,
        candidates=min(config.candidates, rows, pairs),
        adaptation_steps=config.adaptation_steps // parts,
    )
    return small, config.rows / rows


def _pairs(job: Job, config: MeasuresConfig) -> int:
    """Natural pairs that are embedded, which may be fewer than are asked for."""
    return sum(map(len, natural_pair_splits(job.corpus, config) or ()))


def _baselines(tasks: Iterable[Task]) -> float:
    """Seconds of the simple methods of all probes."""
    total = 0.0
    for part, times in map(part_of, tasks):
        began = time.perf_counter()
        with contextlib.suppress(Exception):
            part.baselines()
        total += (time.perf_counter() - began) * times
    return total


def _folder(job: Job) -> Path:
    return job.models / training_name(job.config.recipe, job.corpus)


def _timed(job: Job, step: UpdateStep, room: Room, *, progress: float) -> Ledger:
    """What a few updates at a share of the budget take; the first one warms up."""
    seconds, flops, last = 0.0, 0, Ledger()
    for update in updates(job.config.recipe, job.corpus, last, progress=progress, room=room):
        began = time.perf_counter()
        try:
            step(update, rate=0.0)
        except MemoryShortError:
            room.halve(update)
            continue
        if last.steps:
            seconds += time.perf_counter() - began
            flops += update.ledger.flops - last.flops
        last = update.ledger
        if last.steps == TIMED_STEPS:
            break
    return replace(last, seconds=seconds / flops * last.flops)
