"""The command of a sweep dies; given again, it goes on, and its table is that of a whole sweep."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from whole_commands import in_processes, report_path, run, start

from cli.claims import claims
from cli.main import main
from results.store import ResultStore

JOBS = ("objective=clm,mlm", "-m")


def wait_for(what: Callable[[], bool], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def runs(process: int) -> bool:
    """Whether a process is there, and not just its exit status."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_sweep_goes_on(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    (output / "corpora").rename(whole / "corpora")
    os.symlink(whole / "corpora", output / "corpora")
    assert run(whole, *JOBS) == 0
    page = report_path(capsys.readouterr().out).read_text().split("\nBuilt ")[0]

    process = start(*in_processes(output, *JOBS))
    wait_for(lambda: any(record.kind == "run" for record in ResultStore(output).records()[0]))
    workers = {claim.process for claim in claims(output).values()}
    process.kill()
    process.communicate()
    wait_for(lambda: not any(map(runs, workers)), 90.0)  # no orphan goes on
    names = {record.name for record in ResultStore(output).records()[0]}
    assert main(["status", str(output)]) == 0
    assert "finished" in capsys.readouterr().out

    assert main(["resume", str(output)]) == 0
    told = capsys.readouterr()
    assert report_path(told.out).read_text().split("\nBuilt ")[0] == page
    assert "of 2 job(s)" in told.err
    assert names <= {record.name for record in ResultStore(output).records()[0]}


def test_told_to_end_it_ends_with_all_its_processes(output: Path) -> None:
    """143, as a supervisor expects it, and nothing is left behind."""
    process = start(*in_processes(output, *JOBS, "budget.amount=100000"))
    wait_for(
        lambda: (
            process.poll() is not None
            or any("pretraining" in claim.stage for claim in claims(output).values())
        )
    )
    workers = {claim.process for claim in claims(output).values()}
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143, errors[-2000:]
    assert "Traceback" not in errors
    assert not any(map(runs, workers))
    assert claims(output) == {}
    assert ResultStore(output).records()[0] == []
