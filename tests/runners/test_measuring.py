"""Who measures a model that is trained, and in which order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from experiments import experiment, train
from fake_probe import FakeProbe, FakeTask, figures, job_of
from objective_files import load_objective

from results.store import ResultStore
from runners.configuration.experiment import ExperimentConfig
from runners.corpora.corpus import Corpus
from runners.corpora.pydocs import PydocsConfig
from runners.experiment import help_job, run_job
from runners.job import Job
from runners.measures.finish import FinishConfig
from runners.measures.measurement import Measurement
from runners.measuring import Attempts, _parts_after_finish, measure
from runners.probes.classification import ClassificationProbe
from runners.progress import Silent
from runners.training.budget import BudgetConfig


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


@pytest.fixture
def small(small_pydocs: PydocsConfig, tmp_path: Path) -> ExperimentConfig:
    """Three steps, one column."""
    config = experiment("clm", small_pydocs, tmp_path, columns=(load_objective("clm"),))
    return replace(
        config,
        budget=BudgetConfig(unit="steps", amount=3),
        trainer=replace(config.trainer, evaluations=0),
    )


def test_a_helper_measures_what_another_process_has_trained(
    small: ExperimentConfig, corpus: Corpus, store: ResultStore
) -> None:
    """And the other one takes what it found, with the figures that it would have found itself."""
    task = FakeTask()
    job = job_of(small, corpus, first=task, last=FakeTask())
    assert not help_job(job, Silent())  # it trains nothing
    task.fails = True  # as where memory is short
    trained = train(small, corpus)
    assert help_job(job, Silent())
    kept = {file.stem.rpartition("-")[0] for file in trained.folder.glob("measures/*.json")}
    assert kept == {"loss-clm", "loss-pairs", "geometry", "probe-last"}
    assert store.records() == ([], {})  # a record is for who has the job to write
    task.fails = False
    record = run_job(job, store, Silent())
    assert record.status == "finished"
    other = replace(small, output_dir=small.output_dir / "alone")
    assert figures(run_job(job_of(other, corpus, first=task, last=task), store, Silent())) == (
        figures(record)
    )


def test_what_is_taken_elsewhere_comes_last_and_keeps_its_place(
    small: ExperimentConfig, corpus: Corpus
) -> None:
    asked: list[tuple[str, bool]] = []

    def keep(_: Path, file: str, __: Any, wait: bool) -> list[Measurement] | None:
        asked.append((file.rpartition("-")[0], wait))
        return None if file.startswith("geometry") and not wait else []

    job = job_of(small, corpus, first=FakeTask())
    attempts = Attempts("clm", Silent())
    found = measure(job, train(small, corpus), attempts, keep)
    names = ["loss-clm", "loss-pairs", "geometry", "probe-first"]
    assert asked == [*((name, False) for name in names), ("geometry", True)]
    assert list(found) == ["loss clm", "loss pairs", "geometry", "probe first"]


def test_what_is_kept_after_a_finish_tells_all_of_the_probe_that_teaches_it(
    small: ExperimentConfig, corpus: Corpus
) -> None:
    """By whose score rate and epochs are chosen, for every other probe too."""
    files = []
    for metric in ("accuracy", "macro_f1"):
        teacher = ClassificationProbe(name="teacher", path="x.csv", metric=metric)
        probes, finish = (teacher, FakeProbe(name="other")), FinishConfig(probe="teacher")
        config = replace(small, probes=probes, finish=finish)
        tasks = {"teacher": FakeTask(), "other": FakeTask()}
        model: Any = None
        parts = _parts_after_finish(Job(config, corpus, tasks, {}), model)
        files.append({part.file for part in parts.values()})
    assert len(files[0]) == 3
    assert not files[0] & files[1]
