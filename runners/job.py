"""A job: a configuration whose data are there and checked, so that it can be run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.checkpoint_size import PretrainedConfig
from results.text import file_name
from runners.configuration.experiment import ExperimentConfig, identity
from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.document import CorpusConfig
from runners.hardware import resolve_elsewhere, resolve_hardware
from runners.identity import code_hash, name_of
from runners.probes.base import NotApplicableError, Probe, Task
from runners.progress import Progress
from runners.training.updates import check_rows


@dataclass(frozen=True)
class Job:
    """What `run_job` takes.

    Attributes:
        config: resolved.
        corpus: built.
        tasks: the probes that apply, loaded, by name.
        skipped: probes that the corpus cannot supply, with the reason.
        is_lifted: of a model before training, whether the mask of causal attention is lifted.
    """

    config: ExperimentConfig
    corpus: Corpus
    tasks: Mapping[str, Task]
    skipped: Mapping[str, str]
    is_lifted: bool = False

    @property
    def label(self) -> str:
        """The objective's name; without one `untrained`, or of a checkpoint `unchanged`."""
        if self.config.objective is not None:
            return self.config.objective.name
        model = self.config.model
        if not isinstance(model, PretrainedConfig) or not model.is_trained:
            return "untrained"
        return "unchanged, mask lifted" if self.is_lifted else "unchanged"

    @property
    def starts(self) -> "list[Job]":
        """What it begins with, measured as it is; a causal checkpoint with its mask lifted too."""
        start = replace(self, config=replace(self.config, objective=None))
        model = self.config.model
        is_causal = model.own_attention == "causal"
        if isinstance(model, PretrainedConfig) and model.is_trained and is_causal:
            return [start, replace(start, is_lifted=True)]
        return [start]

    @property
    def models(self) -> Path:
        """The folder of all trained models."""
        return self.config.output_dir / "models"

    @property
    def record_name(self) -> str:
        """What its record is called: equal configuration, data and source, equal name."""
        content = identity(self.config)
        if self.config.objective is None:
            del content["budget"]  # nothing is spent
            content["measures"] = self.config.measures.measuring  # no verdict is about it
        label = file_name(self.label.replace(", ", "-").replace(" ", "-"))
        return f"{label}-s{self.config.seed}-{self._hash(content)}"

    @property
    def baselines_name(self) -> str:
        """The name of the record of what needs no model."""
        content = {**identity(self.config), "measures": self.config.measures.measuring}
        kept = ("measures", "columns", "probes", "finish")
        return f"baselines-{self._hash({key: content[key] for key in kept})}"

    @property
    def stratum(self) -> dict[str, str]:
        """What must be equal for two runs to be ranked; untrained models have no budget."""
        config, model = self.config, self.config.model
        kind = model.found_as
        if isinstance(model, PretrainedConfig):
            kind = f"{model.family} as {model.path} ({model.fingerprint[:8]})"
        found = {
            "model": (
                f"{kind}, {model.num_layers} layers, hidden {model.hidden_size}, "
                f"{model.num_heads} heads, feed-forward {model.intermediate_size}"
            ),
            "data": self.corpus.card.fingerprint,
            "tokenizer": self.corpus.card.tokenizer,
            "measures": name_of(config.measures.measuring),
        }
        if config.objective is not None:
            found["budget"] = f"{config.budget.amount:g} {config.budget.unit}"
        return found

    def _hash(self, content: object) -> str:
        card = self.corpus.card
        data = [card.fingerprint, *(task.fingerprint for task in self.tasks.values())]
        return name_of([content, card.sequence_length], *data, code_hash())


def prepare(
    configs: Sequence[ExperimentConfig], progress: Progress, *, here: bool = True
) -> list[Job]:
    """Read every table, build every corpus and load every probe once, before anything trains.

    Tables come first: a mistake in one is found in seconds, and a corpus takes minutes.

    Args:
        configs: of the jobs.
        progress: told what is built.
        here: whether this machine will run them; else all is said of the one that will.

    Raises:
        ValueError: some data are missing or unusable, or a corpus is too small.
    """
    opened: dict[Probe, Callable[[Corpus], Task]] = {}
    for config in configs:
        cache = config.output_dir / "corpora" / "hub"
        for probe in config.probes:
            if probe not in opened:
                opened[probe] = probe.open(hub_dir=config.hub_dir, cache_dir=cache)
    corpora: dict[CorpusConfig, Corpus] = {}
    probes: dict[tuple[CorpusConfig, Probe], Task | str] = {}
    jobs = []
    for config in configs:
        weights = config.model.matrix_weights
        trainer = config.trainer
        if here:
            trainer = resolve_hardware(trainer, config.output_dir, weights=weights)
        else:
            trainer = resolve_elsewhere(trainer, weights=weights)
        config = replace(config, trainer=trainer)
        if config.dataset not in corpora:
            corpora[config.dataset] = build_corpus(
                config.dataset,
                output_dir=config.output_dir,
                hub_dir=config.hub_dir,
                say=progress.say,
            )
        corpus = corpora[config.dataset]
        config = _fitted(config, corpus)
        if config.objective is not None:
            check_rows(config.objective, corpus)
        for probe in config.probes:
            if (config.dataset, probe) not in probes:
                probes[config.dataset, probe] = _load(opened[probe], corpus)
        loaded = {probe.name: probes[config.dataset, probe] for probe in config.probes}
        _check_finish(config, loaded)
        jobs.append(
            Job(
                config,
                corpus,
                {name: task for name, task in loaded.items() if isinstance(task, Task)},
                {name: reason for name, reason in loaded.items() if isinstance(reason, str)},
            )
        )
    return jobs


def _fitted(config: ExperimentConfig, corpus: Corpus) -> ExperimentConfig:
    """With what objectives leave to the corpus decided, so that it is part of the run's name."""
    return replace(
        config,
        objective=None if config.objective is None else config.objective.fitted(corpus.holds),
        columns=tuple(column.fitted(corpus.holds) for column in config.columns),
    )


def _check_finish(config: ExperimentConfig, loaded: Mapping[str, Task | str]) -> None:
    """Raise ValueError where the probe of the finish has nothing to fine-tune on."""
    name = config.finish.probe
    if name is None:
        return
    task = loaded[name]
    if isinstance(task, str):
        raise ValueError(f"finish.probe is {name}, which this corpus cannot supply: {task}")
    if task.lesson(config.finish) is None:
        raise ValueError(
            f"finish.probe is {name}, which has too few training examples, or none at all, that a "
            "model could be fine-tuned on; classification, tagging, search and similarity have them"
        )


def _load(make: Callable[[Corpus], Task], corpus: Corpus) -> Task | str:
    try:
        return make(corpus)
    except NotApplicableError as error:
        return str(error)
