"""Jobs shared out among processes, on jobs and records that are made up."""

import fcntl
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest

import cli.jobs
from cli.jobs import finished, run_all, run_fallen, run_free
from cli.naming import job_names
from cli.prepare import Prepared
from cli.progress import Display


@dataclass(frozen=True)
class Config:
    output_dir: Path
    seed: int
    objective: str | None


@dataclass(frozen=True)
class Job:
    config: Config

    @property
    def label(self) -> str:
        return self.config.objective or "untrained"

    @property
    def record_name(self) -> str:
        return f"{self.label}-s{self.config.seed}"

    @property
    def starts(self) -> list["Job"]:
        return [Job(Config(self.config.output_dir, self.config.seed, None))]


@dataclass
class Record:
    name: str
    status: str = "finished"
    created: str = "9999"  # after any run of these tests began


@dataclass
class Store:
    records: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        return self.records.get(name)

    readable = get

    def finished(self, name: str) -> Any:
        record = self.get(name)
        return record if record and record.status == "finished" else None


@dataclass
class Sweep:
    jobs: list[Any]
    store: Any
    display: Any
    ran: list[str]
    helped: list[str] = field(default_factory=list)
    trained: bool = True

    def run(self) -> list[Any]:
        names = [job.record_name for job in self.jobs]
        return run_all(Prepared(self.jobs, names), self.store, self.display)

    def locked(self, name: str) -> IO[str]:
        """A lock as another process would hold it; closing the file ends that process."""
        folder = self.jobs[0].config.output_dir / "locks"
        folder.mkdir(exist_ok=True)
        file = (folder / f"{name}.lock").open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    jobs = [Job(Config(tmp_path, seed, name)) for seed in (0, 1) for name in ("clm", "mlm")]
    made = Sweep(jobs, Store(), Display(), [])

    def run_job(job: Job, store: Store, _: object) -> Record:
        made.ran.append(job.record_name)
        return store.records.setdefault(job.record_name, Record(job.record_name))

    def references(job: Job) -> dict[str, Any]:
        names = {start.record_name: partial(run_job, start) for start in job.starts}
        return {**names, "baselines": lambda *_: Record("baselines")}

    def help_job(job: Job, _: object) -> bool:
        made.helped.append(job.record_name)
        return made.trained

    monkeypatch.setattr(cli.jobs, "run_job", run_job)
    monkeypatch.setattr(cli.jobs, "references", references)
    monkeypatch.setattr(cli.jobs, "help_job", help_job)
    monkeypatch.setattr(cli.jobs, "PAUSE", 0.05)
    return made


def test_all_jobs_in_their_order_and_each_reference_once(sweep: Sweep) -> None:
    names = [record.name for record in sweep.run()]
    assert names == ["clm-s0", "mlm-s0", "clm-s1", "mlm-s1", "untrained-s0", "baselines",
                     "untrained-s1"]  # fmt: skip
    assert sweep.ran == [name for name in names if name != "baselines"]


def test_a_job_of_another_process_is_passed_over_and_waited_for(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    other = sweep.locked("clm-s0")

    def end() -> None:
        sweep.store.records["clm-s0"] = Record("clm-s0")
        other.close()

    timer = threading.Timer(0.5, end)
    timer.start()
    names = [record.name for record in sweep.run()]
    timer.join()
    assert sweep.ran[:3] == ["mlm-s0", "clm-s1", "mlm-s1"]
    assert "clm-s0" not in sweep.ran
    assert names[:4] == ["clm-s0", "mlm-s0", "clm-s1", "mlm-s1"]
    text = capsys.readouterr().err
    assert "[1/4 clm-s0] another process is running this; taking the next" in text
    assert "\nhelping other processes, or waiting for them\n" in text
    assert sweep.helped == ["clm-s0"]  # once


def test_what_is_not_trained_yet_is_helped_when_it_is(sweep: Sweep) -> None:
    sweep.trained = False
    other = sweep.locked("clm-s0")

    def train() -> None:
        sweep.trained = True
        deadline = time.monotonic() + 10
        tries = len(sweep.helped)
        while len(sweep.helped) < tries + 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        sweep.store.records["clm-s0"] = Record("clm-s0")
        other.close()

    timer = threading.Timer(0.5, train)
    timer.start()
    sweep.run()
    timer.join()
    assert len(sweep.helped) > 2
    assert set(sweep.helped) == {"clm-s0"}


def test_a_job_whose_process_was_killed_is_run(sweep: Sweep) -> None:
    killed = sweep.locked("clm-s0")
    timer = threading.Timer(0.3, killed.close)  # as the system does; no record is there
    timer.start()
    sweep.run()
    assert sweep.ran[:3] == ["mlm-s0", "clm-s1", "mlm-s1"]
    assert sweep.ran[-1] == "clm-s0"  # what is free comes before what is waited for


def test_who_was_asked_for_single_jobs_waits_for_nothing(sweep: Sweep) -> None:
    other = sweep.locked("clm-s0")
    run_free(Prepared(sweep.jobs, ["a", "b", "c", "d"]), sweep.store, sweep.display)
    other.close()
    assert sweep.ran == ["mlm-s0", "clm-s1", "mlm-s1", "untrained-s0", "untrained-s1"]
    assert sweep.helped == []


def test_what_failed_elsewhere_just_now_is_not_tried_again(sweep: Sweep) -> None:
    sweep.store.records["clm-s0"] = Record("clm-s0", "failed")
    sweep.store.records["mlm-s0"] = Record("mlm-s0", "failed", "2001")
    records = sweep.run()
    assert "clm-s0" not in sweep.ran
    assert "mlm-s0" in sweep.ran
    assert records[0].status == "failed"


def test_a_sweep_says_what_counts_as_just_now(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that took the place of one that died began later than what failed in it."""
    sweep.store.records["clm-s0"] = Record("clm-s0", "failed", "2001-01-02")
    monkeypatch.setenv("COMPARE_BEGAN", "2001-01-01")
    sweep.run()
    assert "clm-s0" not in sweep.ran


def test_what_became_of_a_job_is_kept_as_its_record(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(what: str) -> Any:
        return lambda job, error, store: Record(f"{what} {job.record_name}: {error}", "failed")

    monkeypatch.setattr(cli.jobs, "fallen", keep("job"))
    monkeypatch.setattr(cli.jobs, "fallen_baselines", keep("baselines of"))
    for name, said in (
        ("mlm-s1", "job mlm-s1: killed"),
        ("untrained-s0", "job untrained-s0: killed"),
        ("baselines", "baselines of clm-s0: killed"),
    ):
        assert run_fallen(sweep.jobs, name, "killed", sweep.store).name == said


def test_what_is_finished_can_be_reported(sweep: Sweep) -> None:
    for name in ("mlm-s1", "baselines", "untrained-s0", "of another command"):
        sweep.store.records[name] = Record(name)
    sweep.store.records["clm-s0"] = Record("clm-s0", "failed")
    names = [record.name for record in finished(sweep.jobs, sweep.store)]
    assert names == ["mlm-s1", "untrained-s0", "baselines"]


def named(*overrides: str, label: str = "mlm") -> list[str]:
    jobs: list[Any] = [Job(Config(Path(), 0, label)) for _ in overrides]
    return job_names(jobs, [line.split() for line in overrides])


def test_jobs_are_named_by_what_is_swept() -> None:
    assert named("objective=mlm model=nano") == ["mlm, seed 0"]
    assert named("objective.mlm_probability=0.15 model=nano", "objective.mlm_probability=0.3") == [
        "mlm mlm_probability=0.15, model=nano, seed 0",
        "mlm mlm_probability=0.3, seed 0",
    ]
    assert named("objective=mlm seed=0", "objective=other seed=1") == [
        "mlm, seed 0",
        "mlm objective=other, seed 0",  # whose YAML says `name: mlm`
    ]
    assert named("a.size=1 b.size=1", "a.size=2 b.size=2")[0] == "mlm a.size=1, b.size=1, seed 0"
