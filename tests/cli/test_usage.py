"""What the command line refuses, with one clear error and nothing written, and what it prints."""

from pathlib import Path

import pytest
from whole_commands import TINY

from cli.main import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dataset=local", "dataset.path=none.txt"], "no file or folder none.txt"),
        (["dataset=local", "dataset.path={empty}"], "is too small"),
        (["dataset=local", "dataset.path={line}"], "is too small"),
        (["dataset=local", "dataset.path={binary}"], "is a binary file"),
        (["dataset=local", "dataset.path={latin}"], "is not UTF-8"),
        (
            ["dataset=local", "dataset.path={table}", "dataset.text_column=txt"],
            "did you mean 'text'",
        ),
        (["objective.rows_per_update=100000"], "fewer than the 100000"),
        (["trainer.device=cuda"], "torch finds no GPU"),
        (["probe=classification", "probe.path=none.csv"], "there is no file none.csv"),
        (
            ["probe=classification", "probe.path={table}", "probe.label_column=lab"],
            "no column 'lab'",
        ),
        (["hydra/launcher=joblib"], "known: basic, inline, processes"),
        (["model=pretrained"], "model.path is not set; give it as model.path=VALUE"),
        (["model=pretrained", "model.path=./none"], "model.path: there is no folder ./none"),
        (["model=pretrained", "model.path={checkpoint}"], "cannot be gone on from"),
        (["model=pretrained", "model.path=x", "model.num_layers=2"], "model.num_layers"),
    ],
)
def test_bad_input_gets_one_clear_error_and_nothing_is_written(
    output: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    files = {
        "empty": b"",
        "line": b"only one line",
        "binary": b"\0\1\2" * 100,
        "latin": "naïve\n\nnaïve two".encode("latin-1"),
        "table": b"text,label\na,b\n",
    }
    for name, content in files.items():
        (tmp_path / f"{name}{'.csv' if name == 'table' else '.txt'}").write_bytes(content)
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "config.json").write_text('{"model_type": "t5"}')
    places: dict[str, Path] = {"checkpoint": tmp_path / "checkpoint"}
    places |= {n: tmp_path / f"{n}{'.csv' if n == 'table' else '.txt'}" for n in files}
    given = [argument.format(**places) if "{" in argument else argument for argument in arguments]
    kept = TINY
    if "dataset=local" in given:
        kept = [item for item in TINY if not item.startswith("dataset.")]
        kept.append("dataset.sequence_length=64")
    if "model=pretrained" in given:
        kept = [item for item in kept if not item.startswith("model.")]
    kept = [item for item in kept if item.split("=")[0] not in {g.split("=")[0] for g in given}]
    assert main(["run", "objective=mlm", *kept, *given, f"output_dir={output}"]) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("compare: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not (output / "runs").exists()
    assert not list(output.glob("corpora/.building*"))


def test_an_output_directory_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["run", "objective=mlm", *TINY, f"output_dir={tmp_path / 'file' / 'out'}"]) == 2
    assert "nothing can be written" in capsys.readouterr().err


def test_hydra_shows_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "objective=simcse", "--cfg", "job"]) == 0
    assert "temperature: 0.05" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rn"], "did you mean 'run'"),
        (["list"], "the following arguments are required"),
        (["list", "objective"], "did you mean 'objectives'"),
        (["list", "runs", "-m"], "unrecognized arguments: -m"),
        (["list", "models", "mini"], "write model=mini"),
        (["report", "/nowhere"], "no runs in /nowhere"),
        (["list", "objectives", "--config-dir", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("what", ["objectives", "models", "datasets", "probes", "runs"])
def test_lists(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what, f"output_dir={tmp_path}"]) == 0
    assert capsys.readouterr().out.count("\n") > 3
