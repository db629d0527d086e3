"""What `compare new` writes works as it is printed, and its tests can fail."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from whole_commands import report_path, run

import cli.new
from cli import new_objective, new_probe
from cli.main import main
from cli.new import commands


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def arguments(line: str) -> list[str]:
    return shlex.split(line)[1:]


def test_files_are_written_and_three_commands_printed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "objective", "mine"]) == 0
    written = sorted(str(p.relative_to(here)) for p in here.rglob("*") if p.is_file())
    assert written == ["mine.py", "objective/mine.yaml", "test_mine.py"]
    assert not re.search(r"\b(NAME|CLASS)\b", "".join((here / p).read_text() for p in written))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  compare check objective mine 'plugins=[mine.py]' --config-dir .",
        "  compare run objective=clm,mine -m +experiment=smoke 'plugins=[mine.py]' --config-dir .",
        "  python -m pytest test_mine.py",
    ]


def test_a_missing_pytest_is_told(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        cli.new, "find_spec", lambda name: None if name == "pytest" else find_spec(name)
    )
    assert main(["new", "objective", "mine"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("first: pip install pytest")


def test_an_objective_holds_what_every_objective_must(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "objective", "mine", "--folder", "NAME, [TEST] it's"]) == 0
    check, *_ = commands("objective", "mine", Path("NAME, [TEST] it's"))
    assert check in capsys.readouterr().out
    assert main(arguments(check)) == 0
    assert "mine: 10 of 10 hold" in capsys.readouterr().out


def test_both_run_and_stand_in_the_report(
    here: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for what, name in (("objective", "mine"), ("probe", "my_task")):
        assert main(["new", what, name]) == 0
    found, trial, _ = commands("probe", "my_task", Path())
    assert main(arguments(found)) == 0
    assert re.search(r"my_task .*The corpus's own sentences", capsys.readouterr().out)
    command, *given = arguments(trial)
    given = [each.replace("clm,mlm", "mine").replace("[my", "[mine.py,my") for each in given]
    assert command == "run"
    assert run(output, *given, "columns=[clm]", "measures.adaptation_steps=2") == 0
    text = report_path(capsys.readouterr().out).read_text()
    assert "bag: mine, nats a hidden token" in text
    assert "my_task" in text.split("## Probes")[1].split("\n## ")[0]
    assert "could not be" not in text


def test_the_tests_pass_in_a_fresh_process_and_fail_where_something_is_broken(here: Path) -> None:
    broken = {
        "objective": ("log_p = logits.log_softmax(-1)", "log_p = logits"),
        "probe": ("words[place + 1 :]", "words[place + 2 :]"),
    }
    for what, (right, wrong) in broken.items():
        assert main(["new", what, f"my_{what}"]) == 0
        assert main(["new", what, f"torn_{what}"]) == 0
        file = here / f"torn_{what}.py"
        assert file.read_text().count(right) == 1
        file.write_text(file.read_text().replace(right, wrong))
    done = fresh(["-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "."])
    outcomes = re.findall(r"^(PASSED|FAILED|ERROR) (test_\w+).py::(\w+)", done, re.MULTILINE)
    failed = {(file, test) for outcome, file, test in outcomes if outcome != "PASSED"}
    assert {file for file, _ in failed} == {"test_torn_objective", "test_torn_probe"}, done
    assert ("test_torn_objective", "test_the_loss_is_that_of_a_plain_loop") in failed
    assert ("test_torn_probe", "test_one_word_inside_is_left_out") in failed
    assert sum(file == "test_my_objective" for _, file, _ in outcomes) == 11
    assert sum(file == "test_my_probe" for _, file, _ in outcomes) == 3


def fresh(given: Sequence[str]) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run([sys.executable, *given], capture_output=True, text=True, env=clean)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("what", "name", "message"),
    [
        ("objective", "Mine", "'mine' could be one"),
        ("objective", "my-own loss", "'my_own_loss' could be one"),
        ("objective", "2nd", "'nd' could be one"),
        ("objective", "lambda", "'my_lambda' could be one"),
        ("probe", "yes", "'my_yes' could be one"),
        ("probe", "Ü", "'probe' could be one"),
        ("objective", "clm", "there is an objective named 'clm' already"),
        ("objective", "mlm_then_clm", "there is an objective named"),
        ("objective", "base", "there is an objective named 'base' already"),
        ("probe", "sst2", "there is a probe named 'sst2' already"),
        ("probe", "torch", "would hide Python's or a library's module 'torch'"),
        ("probe", "conftest", "would hide"),
        ("thing", "mine", "invalid choice"),
    ],
)
def test_names_that_cannot_be(
    what: str, name: str, message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", what, name]) == 2
    assert message in capsys.readouterr().err
    assert not list(here.iterdir())


@pytest.mark.parametrize("there", ["mine.py", "objective/mine.yaml", "test_mine.py"])
def test_nothing_is_overwritten(there: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "objective").mkdir()
    (here / there).write_text("my own")
    assert main(["new", "objective", "mine"]) == 2
    assert f"{there}: there already" in capsys.readouterr().err
    assert [p.read_text() for p in here.rglob("*") if p.is_file()] == ["my own"]


def test_where_nothing_can_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").touch()
    assert main(["new", "probe", "mine", "--folder", "file"]) == 2
    assert "nothing can be written there" in capsys.readouterr().err


@pytest.mark.parametrize("templates", [new_objective, new_probe], ids=lambda each: each.__name__)
def test_what_is_written_is_formatted_and_clean(templates, here: Path) -> None:  # type: ignore[no-untyped-def]
    root = Path(__file__).parent.parent.parent
    rooms = "cli models objectives results runners".split()
    settings = ["--config", str(root / "pyproject.toml")]
    settings += ["--config", f"lint.isort.known-first-party={rooms}"]
    for name, text in (("mine.py", templates.MODULE), ("tests/test_mine.py", templates.TEST)):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(text.replace("NAME", "mine").replace("CLASS", "Mine"))
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        said = fresh(["-m", "ruff", *command, *settings, "."])
        assert "All checks passed" in said or "already formatted" in said, said
        assert "Found" not in said
