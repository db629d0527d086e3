"""A probe that is made up, and jobs with it."""

from dataclasses import dataclass, replace
from typing import Any

from results.record import Metric, RunRecord
from runners.configuration.experiment import ExperimentConfig
from runners.corpora.corpus import Corpus
from runners.job import Job
from runners.measures.measurement import Measurement
from runners.probes.base import Probe, Task


class FakeTask(Task):
    """A probe that fails as often as it is told to."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def evaluate(self, model: Any, *, seed: int) -> list[Measurement]:
        return self._answer()

    def baselines(self) -> dict[str, list[Measurement]]:
        return {"chance": self._answer()}

    def _answer(self) -> list[Measurement]:
        if self.fails:
            raise RuntimeError("it broke")
        return [Measurement(Metric("accuracy"), 0.5)]

    @property
    def fingerprint(self) -> str:
        return "fake"


@dataclass(frozen=True, kw_only=True)
class FakeProbe(Probe):
    def load(self, corpus: Corpus, **places: Any) -> Task:
        return FakeTask()


def job_of(config: ExperimentConfig, corpus: Corpus, **tasks: Task) -> Job:
    config = replace(config, probes=tuple(FakeProbe(name=name) for name in tasks))
    return Job(config, corpus, tasks, {})


def figures(record: RunRecord) -> dict[tuple[str, str], float | None]:
    return {(value.measure, value.metric): value.value for value in record.values}
