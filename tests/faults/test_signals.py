"""SIGTERM and Ctrl-C while a model is trained: a checkpoint, and the exit status that is due."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest
from fake_probe import job_of
from lives import Life, signalled, start, train, wait_for

from results.store import ResultStore
from runners.corpora.corpus import Corpus
from runners.experiment import run_job
from runners.progress import Silent


@pytest.mark.parametrize(("number", "status"), [(SIGTERM, 143), (SIGINT, 130)])
def test_a_process_ends_with_a_checkpoint_and_its_status(
    number: signal.Signals, status: int, rows: Corpus, tmp_path: Path
) -> None:
    life = Life("clm", rows.folder, tmp_path / "life", steps=100_000)
    process = start(life)
    wait_for(lambda: bool(life.checkpoints))
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(10)
    assert process.exitcode == status
    assert len(life.checkpoints) in (1, 2)
    assert not list(life.folder.glob("checkpoints/*.new"))


@pytest.mark.parametrize(
    ("numbers", "end", "kept"),
    [
        ([SIGTERM], SystemExit, [4]),
        ([SIGINT], KeyboardInterrupt, [4]),
        ([SIGINT, SIGTERM], KeyboardInterrupt, [4]),  # from a terminal, then from a parent
        ([SIGINT, SIGINT], KeyboardInterrupt, []),
        ([SIGTERM, SIGTERM], SystemExit, []),
    ],
)
def test_once_waits_for_the_update_and_its_checkpoint_and_twice_does_not(
    numbers: list[int],
    end: type[BaseException],
    kept: list[int],
    rows: Corpus,
    tmp_path: Path,
) -> None:
    """No record is written of it, and signals do again what they did before."""
    life = Life("clm", rows.folder, tmp_path, steps=8, saves=False)
    job = job_of(replace(life.config, columns=life.config.objective.columns), rows)  # type: ignore[union-attr]
    store, before = ResultStore(tmp_path), [signal.getsignal(n) for n in (SIGINT, SIGTERM)]
    with signalled(4, *numbers), pytest.raises(end) as ended:
        run_job(job, store, Silent())
    assert end is KeyboardInterrupt or ended.value.code == 143
    assert life.checkpoints == kept
    assert store.records() == ([], {})
    assert [signal.getsignal(number) for number in (SIGINT, SIGTERM)] == before


def test_a_process_that_ignores_ctrl_c_goes_on_ignoring_it(rows: Corpus, tmp_path: Path) -> None:
    """So do those that a shell starts in the background."""
    before = signal.signal(SIGINT, signal.SIG_IGN)
    try:
        with signalled(4, SIGINT):
            train(Life("clm", rows.folder, tmp_path, steps=8, saves=False))
    finally:
        signal.signal(SIGINT, before)


def test_a_command_that_is_terminated_goes_on_where_it_stopped(
    rows: Corpus, tmp_path: Path, whole: bool
) -> None:
    if not whole:
        pytest.skip("in the long form: make faults")
    output = tmp_path / "out"
    command = [sys.executable, "-m", "cli", "run", "objective=clm", "+experiment=smoke"]
    command += ["dataset=local", f"dataset.path={rows.folder.parents[2] / 'data'}"]
    command += ["dataset.sequence_length=32", "dataset.vocabulary_size=600"]
    command += ["budget.amount=300", "objective.rows_per_update=11", f"output_dir={output}"]
    command += ["trainer.checkpoint_seconds=0.001", "trainer.dtype=float32", "workers=1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: bool(list(output.glob("models/*/checkpoints/*/manifest.json"))), 120)
    process.terminate()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143
    assert said.count("compare: terminated; the same command goes on where this stopped") == 1
    assert "Traceback" not in said
    assert not list(output.glob("runs/*/record.json"))
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0
    assert "going on after step" in again.stderr
