"""The help of every command fits a screen, and its examples work as far as they cost nothing."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

import cli.machine
import cli.places
import cli.submit
from cli.hydra_app import collect
from cli.main import COMMANDS, main

SCREENS: dict[str, Sequence[str]] = {
    "compare": ["--help"],
    **{name: [name, "--help"] for name in COMMANDS},
}


def text_of(given: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints; argparse ends by an exit."""
    try:
        code: object = main(list(given))
    except SystemExit as ended:
        code = ended.code
    assert not code
    return capsys.readouterr().out


def examples_of(text: str) -> list[str]:
    """Lines that are commands, without the words after two spaces or a #."""
    lines = re.findall(r"^ {2,}(compare [^\n]*?)(?:\s{2,}.*|\s+#.*)?$", text, re.MULTILINE)
    return [line for line in lines if "..." not in line]


@pytest.mark.parametrize("name", SCREENS)
def test_help_fits_a_screen_and_shows_an_example(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    text = text_of(SCREENS[name], capsys)
    lines = text.splitlines()
    assert len(lines) <= 40, len(lines)
    assert max(map(len, lines)) <= 100, max(lines, key=len)
    assert lines[0].strip()
    wanted = "compare " if name == "compare" else f"compare {name}"
    assert any(line.startswith(wanted) for line in examples_of(text)), text


@pytest.mark.parametrize("name", SCREENS)
def test_examples_are_understood(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs are composed; the others are run, where what they name may be missing here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.machine, "SECONDS", 0.0)
    monkeypatch.setattr(cli.places, "answer", lambda address: "does not answer")
    monkeypatch.setattr(cli.submit.shutil, "which", lambda program: None)  # no cluster
    lines = examples_of(text_of(SCREENS[name], capsys))
    if name == "check":
        assert main(["new", "objective", "mine"]) == 0
    for line in lines:
        command, *given = shlex.split(line)[1:]
        if command in ("run", "plan"):
            assert collect(given), line
            continue
        try:
            code: object = main([command, *given])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr().err
        if code:
            assert re.search(r"there (are|is) no|No such file", said), f"{line}: {said}"


def test_run_with_all_or_a_choice_has_a_line_on_every_setting(
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = text_of(["run", "--help"], capsys)
    assert "trainer.warmup=" not in short
    for given in (["all"], ["seed=1"]):
        assert "  trainer.warmup=" in text_of(["run", "--help", *given], capsys)
    assert text_of(["plan", "--help"], capsys).startswith("usage: compare plan")
