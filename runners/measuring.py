"""All that is measured of a trained model: losses, geometry, probes; probes after a finish too."""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from models.batch import AttentionKind
from models.checkpoint_size import PretrainedConfig
from objectives.base import Likelihood
from results.record import FINISHED
from results.text import file_name, visible
from runners.disk import is_full
from runners.identity import code_hash, name_of
from runners.job import Job
from runners.measures.cache import measured
from runners.measures.finish import finish
from runners.measures.geometry import measure_geometry, texts_of
from runners.measures.losses import measure_column
from runners.measures.measurement import Measurement
from runners.measures.pairs import measure_pairs, natural_pair_splits
from runners.measures.text_model import TextModel
from runners.plain import plain
from runners.probes.base import Task
from runners.progress import Progress
from runners.training.checkpoint import CheckpointError
from runners.training.finite import DivergedError
from runners.training.room import MemoryShortError
from runners.training.trained import Trained

Measures = dict[str, list[Measurement]]
"""By name of the measure: `loss clm`, `loss pairs`, `probe retrieval`."""

Keeper = Callable[[Path, str, Callable[[], list[Measurement]], bool], list[Measurement] | None]
"""As `measured`: of a folder and a name, the measurements, computed if need be."""


TOLD = (DivergedError, CheckpointError, MemoryShortError)
"""Errors that say all there is to say: no traceback tells more."""


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
        """Try a part; neither an interrupt is caught nor a full disk, where nothing could be kept.

        Args:
            part: its name, or "" for the whole job.
        """
        try:
            yield
        except Exception as exception:
            if self._strict or is_full(exception):
                raise
            told = isinstance(exception, TOLD)
            error = str(exception) if told else f"{type(exception).__name__}: {exception}"
            error = f"{part}: {error}" if part else error
            self.error += ("; " if self.error else "") + error
            self.progress.say(f"{self._label} failed: {error}")
            if not told:
                sys.stderr.write(visible(traceback.format_exc()))


def start_of(job: Job) -> tuple[AttentionKind, Likelihood]:
    """How a model is read before any objective has trained it: weights drawn at random say nothing
    from left to right; a checkpoint is read as it was trained.
    """  # noqa: D205
    model, own = job.config.model, job.config.model.own_attention
    if job.is_lifted:
        return "bidirectional", "none"
    trained = isinstance(model, PretrainedConfig) and model.is_trained
    if trained and own == "bidirectional":
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
    model = _model(job, trained)
    found = _taken(_parts(job, model, attempts), trained.folder, attempts, keep)
    if job.config.finish.probe is not None:
        found |= _taken(_parts_after_finish(job, model), trained.folder, attempts, keep)
    return found


def help_measuring(job: Job, trained: Trained, attempts: Attempts) -> None:
    """Take what no other process is taking, each measure but those after the finish.

    A finished model is kept by no file, so that another process would have to make it again.
    """
    parts = _parts(job, _model(job, trained), attempts)
    for name, part in parts.items():
        with attempts.at(name):
            measured(trained.folder, part.file, part.compute, wait=False)


@dataclass(frozen=True, slots=True)
class _Part:
    """A measure: what its file is called, and how it is taken."""

    file: str
    compute: Callable[[], list[Measurement]]


def _taken(parts: Mapping[str, _Part], folder: Path, attempts: Attempts, keep: Keeper) -> Measures:
    """First what no other process is taking, then the rest."""
    found: dict[str, list[Measurement] | None] = {}
    for wait in (False, True):
        for name, part in parts.items():
            if not wait or (name in found and found[name] is None):
                attempts.progress.stage(name)
                with attempts.at(name):
                    found[name] = keep(folder, part.file, part.compute, wait)
    return {name: taken for name in parts if (taken := found.get(name)) is not None}


def _model(job: Job, trained: Trained) -> TextModel:
    config, objective = job.config, job.config.objective
    attention, likelihood = start_of(job)
    if objective is not None:
        attention, likelihood = objective.traits.attention, objective.traits.likelihood
    return TextModel(
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


def _part(job: Job, file: str, settings: object, compute: Callable[[], list[Measurement]]) -> _Part:
    """What a kept measurement depends on beside the model is in the name of its file."""
    content = [plain(settings), job.config.trainer.measuring, job.corpus.folder.name]
    return _Part(f"{file_name(file)}-{name_of([*content, job.is_lifted], code_hash())}", compute)


def _parts(job: Job, model: TextModel, attempts: Attempts) -> dict[str, _Part]:
    """Losses, geometry and probes, by name."""
    config, measures = job.config, job.config.measures
    trained_on = config.objective.columns if config.objective else ()
    parts = {
        f"loss {column.name}": _part(
            job,
            f"loss-{column.name}",
            [measures.measuring, column],
            partial(measure_column, model, column, measures, trained_on=trained_on),
        )
        for column in config.columns
    }
    splits = None
    with attempts.at("loss pairs"):
        splits = natural_pair_splits(job.corpus, measures)
    if splits:
        compute = partial(measure_pairs, model, splits, measures)
        parts["loss pairs"] = _part(job, "loss-pairs", measures.measuring, compute)
    pairs = splits[1] if splits else None
    texts = texts_of(job.corpus, pairs, measures.pairs)
    compute = partial(measure_geometry, model, texts, pairs)
    parts["geometry"] = _part(job, "geometry", measures.measuring, compute)
    probes = {probe.name: probe for probe in config.probes}
    read = (
        measures.pooling,
        measures.poolings,
        measures.layers,
        measures.passes,
        measures.within_word,
    )
    for name, task in job.tasks.items():
        parts[f"probe {name}"] = _part(
            job,
            f"probe-{name}",
            [*read, probes[name], task.fingerprint, config.seed],
            partial(task.measure, model, seed=config.seed),
        )
    return parts


def _parts_after_finish(job: Job, model: TextModel) -> dict[str, _Part]:
    """The common finish, and every probe after it."""
    config = job.config
    probes = {probe.name: probe for probe in config.probes}
    fingerprints = [task.fingerprint for task in job.tasks.values()]
    finished = Finished(model, job)
    assert config.finish.probe is not None
    taught = probes[config.finish.probe]  # whose score chooses rate and epochs
    how = [config.measures.measuring, config.finish, taught, *fingerprints, config.seed]
    parts = {"finish": _part(job, "finish", how, finished.make)}
    for name, task in job.tasks.items():
        parts[f"probe {name}{FINISHED}"] = _part(
            job, f"finished-{name}", [*how, probes[name]], partial(finished.measure, task)
        )
    return parts


class Finished:
    """A model after the common finish, which is made when it is first asked for.

    Args:
        model: before it.
        job: says what it is fine-tuned on.
    """

    def __init__(self, model: TextModel, job: Job) -> None:
        self._start, self._job = model, job

    def make(self) -> list[Measurement]:
        """Make it now; nothing is measured yet."""
        _ = self._model
        return []

    def measure(self, task: Task) -> list[Measurement]:
        """What a probe says of it."""
        if self._model is None:
            raise DivergedError("every fine-tuning of the finish diverged; lower rates may help")
        return task.after_finish.measure(self._model, seed=self._job.config.seed)

    @cached_property
    def _model(self) -> TextModel | None:
        config = self._job.config
        assert config.finish.probe is not None
        lesson = self._job.tasks[config.finish.probe].lesson(config.finish)
        assert lesson is not None, "checked when the job was prepared"
        found = finish(self._start, lesson, config.finish, config.seed)
        return None if found is None else found[0]
