"""The record of one run: everything that a report may say about it."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from results.corpus import CorpusCard
from results.training import TrainingFacts

Kind = Literal["run", "untrained", "baselines"]
SCHEMA = 5
"""Raised whenever the meaning of a field changes."""


FINISHED = ", finished"
"""Behind the name of a probe of a model after the common finish."""

DIVERGED = "diverged at step"
"""How the error of a run begins whose loss, gradient or input was not finite."""

SHUFFLED = "shuffled labels"
"""The simple method that was given the answers in a random order: what is left is chance."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a figure is, said by the measure that makes it.

    Attributes:
        name: `mrr`, `accuracy_frozen`, `nats`.
        title: in tables: `MRR`.
        unit: what it is counted in; empty for a share or a correlation.
        better: whether `higher` or `lower` is better.
        estimator: how it follows from its rows: `share` (a weighted mean of scores in [0, 1]),
            `ratio` (a weighted mean without bounds), `spearman` (the correlation of value and
            target), `macro_f1` or `mcc` (of the predicted class and the true one).
        chance: what a guess would have, where that is one number for every test set.
    """

    name: str
    title: str = ""
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    estimator: Literal["share", "ratio", "spearman", "macro_f1", "mcc"] = "share"
    chance: float | None = None

    @property
    def sign(self) -> int:
        """1, or -1 where lower is better: a difference times it is above 0 for the better one."""
        return -1 if self.better == "lower" else 1


@dataclass(frozen=True, slots=True)
class Value:
    """One measured figure.

    Attributes:
        measure: what was measured: `loss clm`, `loss pairs`, `probe retrieval`.
        metric: in which figure: `nats`, `adapted`, `mrr`.
        value: None where the model cannot be measured; `note` says why.
        note: such as `native`, `foreign`, `no head`.
        row: of baselines, which simple method it is; empty for models.
        options: what the model's vectors could be read from, and the score of each on validation
            examples.
        reads: how often test examples were read for it; 0 where that is not counted.
    """

    measure: str
    metric: str
    value: float | None
    note: str = ""
    row: str = ""
    options: dict[str, float] = field(default_factory=dict)
    reads: int = 0


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What one run was, what it cost, and what it measured.

    Attributes:
        name: unique; a hash of configuration, data and source is part of it.
        kind: a trained `run`, the `untrained` model, or `baselines` that need no model.
        status: `finished` or `failed`.
        objective: its name; empty for baselines.
        seed: of weights, stream and corruption.
        stratum: model, budget, tokenizer, data and measures: only runs that are equal in all of
            these are ranked against each other.
        config: the resolved configuration, as `read` (runners/configuration) takes it.
        metrics: by measure, what its figures are, of a probe the main one first.
        corpus: that was read.
        probe_facts: by probe, what must be known of its data.
        probe_data: by probe, a hash of its data; empty in records of earlier versions.
        skipped_probes: those that the corpus cannot supply, with the reason.
        columns: traits (family, unit, attention, additive) of every objective measured under.
        traits: what the objective states of itself (family, attention at probe time, unit, ...).
        training: parameters, ledger and hashes; None for baselines and where it failed.
        values: every figure.
        environment: versions and hardware.
        error: of a failed run.
        created: when, in UTC.
    """

    name: str
    kind: Kind
    status: Literal["finished", "failed"]
    objective: str
    seed: int
    stratum: dict[str, str]
    config: dict[str, Any]
    corpus: CorpusCard
    columns: dict[str, dict[str, Any]]
    metrics: dict[str, tuple[Metric, ...]] = field(default_factory=dict)
    traits: dict[str, Any] = field(default_factory=dict)
    training: TrainingFacts | None = None
    probe_facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    probe_data: dict[str, str] = field(default_factory=dict)
    skipped_probes: dict[str, str] = field(default_factory=dict)
    values: tuple[Value, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    error: str = ""
    created: str = ""
    schema: int = SCHEMA

    @property
    def is_diverged(self) -> bool:
        """Whether it failed because a number of its training was not finite."""
        return self.status == "failed" and self.error.startswith(DIVERGED)

    @property
    def trained(self) -> TrainingFacts:
        """Its training; only of a run that came to one."""
        assert self.training is not None, f"{self.name} has no training"
        return self.training

    def metric(self, measure: str, name: str) -> Metric:
        """What one of its figures is."""
        found = (metric for metric in self.metrics.get(measure, ()) if metric.name == name)
        return next(found, Metric(name))

    def to_json(self) -> dict[str, Any]:
        """A JSON-like dictionary."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "RunRecord":
        """Read what `to_json` wrote.

        Raises:
            ValueError: it was written by a version with another schema.
        """
        if content.get("schema") != SCHEMA:
            raise ValueError(
                f"the record has schema {content.get('schema')}, this version reads {SCHEMA}"
            )
        values = tuple(Value(**value) for value in content["values"])
        metrics = {
            measure: tuple(Metric(**each) for each in given)
            for measure, given in content["metrics"].items()
        }
        training = content["training"] and TrainingFacts.from_json(content["training"])
        parts = {
            "values": values,
            "metrics": metrics,
            "training": training or None,
            "corpus": CorpusCard.from_json(content["corpus"]),
        }
        return cls(**{**content, **parts})
