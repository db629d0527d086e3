"""`compare track`: what it says, and what it refuses."""

import sys
from pathlib import Path

import pytest
from made_records import add_baselines, add_run, answers

from cli.main import main
from results.store import ResultStore


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output directory with two runs and simple methods."""
    store = ResultStore(tmp_path / "out")
    add_run(store, "mlm", answers(0.6))
    add_run(store, "clm", answers(0.5))
    add_baselines(store, words=answers(0.4))
    return tmp_path / "out"


def test_every_trained_run_is_written_once(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    command = ["track", str(output), "--to", "tensorboard"]
    assert main(command) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["logged", "logged", "look at it"]
    assert said[0].endswith("(10 points, 1 values)")
    assert said[-1] == f"look at it: tensorboard --logdir {output / 'tensorboard'}"
    names = {path.name for path in (output / "runs").iterdir()} - {"baselines-1"}
    assert {path.name for path in (output / "tensorboard").iterdir()} == names
    assert main(command) == 0
    assert capsys.readouterr().out.count("there already: ") == 2


def test_a_damaged_run_is_left_out_and_said(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    (damaged,) = (output / "runs").glob("clm-*")
    (damaged / "examples.parquet").unlink()
    board = output.parent / "board"
    assert main(["track", str(output), "--to", "tensorboard", "--folder", str(board)]) == 0
    said = capsys.readouterr().out
    assert f"left out: {damaged.name}: " in said
    assert [path.name[:3] for path in board.iterdir()] == ["mlm"]


def test_offline_says_how_to_upload(
    output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(output.parent / "config"))
    assert main(["track", str(output), "--to", "wandb"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(list((output / "wandb").glob("offline-run-*"))) == 2
    assert said[-1] == f"upload it: wandb sync {output}/wandb/offline-run-*"


@pytest.mark.parametrize("tracker", ["tensorboard", "wandb"])
def test_a_missing_package_is_one_line_that_says_how_to_get_it(
    tracker: str, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, tracker, None)
    assert main(["track", str(output), "--to", tracker]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"'.[{tracker}]'" in line


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--to", "tensorboard", "--project", "a"], "--folder"),
        (["--to", "wandb", "--project", "a/b"], "without a slash"),
        (["--to", "mlflow"], "invalid choice"),
        ([], "--to"),
    ],
)
def test_what_cannot_be_is_refused(
    more: list[str], told: str, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["track", str(output), *more]) == 2
    assert told in capsys.readouterr().err


def test_a_folder_without_runs_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", str(tmp_path), "--to", "tensorboard"]) == 2
    assert "there are no runs in" in capsys.readouterr().err
