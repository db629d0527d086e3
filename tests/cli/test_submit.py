"""Jobs on a cluster: what Slurm would be asked for, and submitit's own executor for one machine."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from whole_commands import TINY, report_path

from cli.cluster import JobRun, job_command
from cli.main import main
from runners.configuration.job_file import read_job

submitit = pytest.importorskip("submitit")

WAIT = 120.0


def waited(job: Any) -> None:
    """Until a job has ended; submitit's own waiting has no end."""
    until = time.monotonic() + WAIT
    while not job.done() and time.monotonic() < until:
        time.sleep(0.1)
    assert job.done()


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in found.split()]


class Slurm:
    """What would be submitted."""

    asked: dict[str, Any]
    commands: list[list[str]]

    def __init__(self, folder: Path, cluster: str, **_: int) -> None:
        assert cluster == "slurm"

    def update_parameters(self, **parameters: Any) -> None:
        Slurm.asked = parameters

    def map_array(self, run: JobRun, commands: list[list[str]]) -> list[Any]:
        Slurm.commands = commands
        return [SimpleNamespace(job_id=f"7_{number}") for number in range(len(commands))]


def test_slurm_is_asked_for_what_a_job_needs_and_the_job_is_frozen_for_its_node(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: program)
    monkeypatch.setattr(submitit, "AutoExecutor", Slurm)
    settings = [*TINY, "objective=clm,mlm", "-m", f"output_dir={output}"]
    wanted = ["--gpus", "2", "--cpus", "8", "--partition", "gpu", "--memory", "32", "--slurm"]
    assert main(["submit", *settings, *wanted, "account=ours"]) == 0
    assert "submitted 2 job(s): 7_0, 7_1" in capsys.readouterr().out
    assert Slurm.asked == {
        "name": "compare",
        "timeout_min": 240,
        "cpus_per_task": 8,
        "gpus_per_node": 2,
        "mem_gb": 32,
        "slurm_partition": "gpu",
        "slurm_additional_parameters": {"account": "ours"},
    }
    for command in Slurm.commands:
        file = Path(command[-1])
        trainer = read_job(file).config.trainer
        assert (trainer.device, trainer.threads, trainer.processes) == ("cuda", 4, 2)
        assert command == job_command(file, 2)
        assert command[1:6] == [
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
        ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--gpus", "1"], "as in trainer.dtype=bfloat16"),
        (["--gpus", "two"], "a whole number is expected"),
        (["--slurm", "account"], "KEY=VALUE is expected"),
        (["--partitoin", "gpu"], "--partitoin"),
    ],
)
def test_what_cannot_be_submitted_is_one_message(
    given: list[str],
    said: str,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: program)
    settings = [setting for setting in TINY if not setting.startswith("trainer.dtype")]
    assert main(["submit", *settings, f"output_dir={output}", *given]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in message


def test_without_slurm_or_submitit_a_way_out_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert main(["submit"]) == 2
    assert "--local" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert main(["submit", "--local"]) == 2
    assert "pip install --constraint constraints.txt --editable '.[cluster]'" in (
        capsys.readouterr().err
    )


def test_a_preempted_job_saves_is_queued_again_and_goes_on(tmp_path: Path) -> None:
    """By submitit's executor, which sends the signal that Slurm sends."""
    script = (
        "import pathlib, signal, sys, time\n"
        f"saved = pathlib.Path({str(tmp_path / 'saved')!r})\n"
        "if saved.exists(): saved.write_text('went on'); sys.exit(0)\n"
        "def save(*_): saved.write_text('saved'); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        f"pathlib.Path({str(tmp_path / 'began')!r}).touch()\n"
        "time.sleep(100)"
    )
    executor = submitit.AutoExecutor(tmp_path / "logs", "local")
    job = executor.submit(JobRun(), [sys.executable, "-c", script])
    until = time.monotonic() + WAIT
    while not (tmp_path / "began").exists() and time.monotonic() < until:
        time.sleep(0.05)
    (task,) = children(job._process.pid)
    os.kill(task, signal.SIGUSR2)
    waited(job)
    assert (tmp_path / "saved").read_text() == "went on"
    job.result()


def test_a_job_that_fails_is_failed_for_the_cluster_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit 3"):
        JobRun()([sys.executable, "-c", "raise SystemExit(3)"])


def test_submitted_jobs_run_and_are_reported(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted: list[Any] = []
    array = submitit.AutoExecutor.map_array

    def noted(self: Any, *given: Any) -> Any:
        submitted.extend(array(self, *given))
        return submitted

    monkeypatch.setattr(submitit.AutoExecutor, "map_array", noted)
    given = ["submit", *TINY, "columns=[mlm]", "objective=mlm", "--local", f"output_dir={output}"]
    assert main(given) == 0
    (job,) = submitted
    waited(job)
    job.result()
    assert main(["report", str(output)]) == 0
    assert "mlm" in report_path(capsys.readouterr().out).read_text()
    assert main(given) == 0
    assert "all 1 job(s) are finished" in capsys.readouterr().out
