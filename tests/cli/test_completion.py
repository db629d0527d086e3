"""Completion, as three shells ask for it; zsh and fish where they are installed."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.completion import BASH, FISH, ZSH, choices
from cli.main import COMMANDS, main

COMPARE = f"""\
compare() {{
    if [ "$2" = -sc ]; then {sys.executable} -m cli "$@"; else echo "typed: compare $*"; fi
}}
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("compare ", "doctor"),
        ("compare ne", "new"),
        ("compare run ", "objective="),
        ("compare run objective=ml", "objective=mlm"),
        ("compare run objective=clm,ml", "objective=clm,mlm"),
        ("compare run model=mod", "model=modern_nano"),
        ("compare run probe=[sst2,ag", "probe=[sst2,ag_news"),
        ("compare run +probe@probes.mine=sea", "+probe@probes.mine=search"),
        ("compare run -m objective=clm trainer.warm", "trainer.warmup="),
        ("compare run objective=simcse objective.temp", "objective.temperature="),
        ("compare run --cfg j", "job"),
        ("compare run --mul", "--multirun"),
        ("compare plan +experiment=s", "+experiment=smoke"),
        ("compare doctor output_", "output_dir="),
        ("compare doctor --j", "--json"),
        ("compare list pro", "probes"),
        ("compare list probes plug", "plugins="),
        ("compare check obj", "objective"),
        ("compare check objective sim", "simcse"),
        ("compare new p", "probe"),
        ("compare new objective --fol", "--folder"),
    ],
)
def test_what_the_last_word_may_become(line: str, expected: str) -> None:
    found = choices(line)
    assert expected in found
    assert all(each.startswith("" if line.endswith(" ") else line.split()[-1]) for each in found)


@pytest.mark.parametrize(
    "line",
    [
        "compare run --config-dir ",
        "compare new objective m",
        "compare report out",
        "compare nothing --h",
        "compare run nothing=x",
        "compare run dataset.path=my_",
    ],
)
def test_where_a_shell_is_left_to_complete_files(line: str) -> None:
    assert choices(line) == []


def test_options_of_ones_own_are_known(tmp_path: Path) -> None:
    (tmp_path / "objective").mkdir()
    (tmp_path / "objective" / "mine.yaml").write_text("name: mine\n")
    assert choices(f"compare run --config-dir {tmp_path} objective=clm,mi") == [
        "objective=clm,mine"
    ]


def test_a_query_prints_a_line_for_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", "compare ")
    assert main(["run", "-sc", "query=fish"]) == 0
    assert capsys.readouterr().out.splitlines() == [*COMMANDS, "--help", "--version"]
    assert os.environ["COMP_LINE"] == "compare "


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--shell-completion", f"install={shell}"]) == 0
    assert capsys.readouterr().out == {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell]
    assert main(["run", "-sc", f"uninstall={shell}"]) == 0
    assert "compare" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["install=csh", "bash", "query"])
def test_another_shell_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-sc", word]) == 2
    assert "install=bash, install=zsh, install=fish" in capsys.readouterr().err


def typed(command: list[str], setup: str, keys: str, folder: Path, seconds: float = 40) -> str:
    """What an interactive shell shows after the keys were typed, until it has echoed DONE."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ |= {"TERM": "dumb", "HOME": str(folder), "PS1": "READY> ", "COLUMNS": "200"}
        os.execvp(command[0], command)
    seen = ""

    def read_until(mark: str) -> None:
        nonlocal seen
        end = time.monotonic() + seconds
        while not re.search(mark, seen) and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    seen += os.read(terminal, 65536).decode(errors="replace")
                except OSError:  # it ended
                    return

    try:
        os.write(terminal, f"source {setup}; echo RE''ADY\n".encode())
        read_until(r"\bREADY\s")
        os.write(terminal, keys.encode())
        read_until(r"typed:.*\n")
    finally:
        os.close(terminal)
        os.kill(process, 9)
        os.waitpid(process, 0)
    return seen


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("compare ne\tobjective x", "compare new objective x"),
        (
            "compare run objective=rt\tx",
            "compare run objective=rtdx",
        ),  # no space: a comma may follow
        ("compare run objective=clm,rt\tx", "compare run objective=clm,rtdx"),
        ("compare run +probe@probes.x=cla\t y", "compare run +probe@probes.x=classification y"),
        ("compare run dataset.path=my_t\tx", "compare run dataset.path=my_texts/x"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_what_is_typed(
    shell: str, keys: str, expected: str, tmp_path: Path
) -> None:
    """The line is edited by the shell itself; then it is printed in place of being run."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "my_texts").mkdir()
    setup = tmp_path / "setup"
    script = {"bash": BASH, "zsh": ZSH}[shell]
    setup.write_text(COMPARE + script)
    flags = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}[shell]
    seen = typed([shell, *flags], str(setup), f"{keys}\n", tmp_path)
    found = re.findall(r"typed: (.*?)\s*[\r\n]", seen)
    assert found == [expected], seen


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("compare ne", ["new"]),
        ("compare run objective=clm,rt", ["objective=clm,rtd"]),
        ("compare run dataset.path=my_t", ["dataset.path=my_texts/"]),
    ],
)
def test_fish_completes_a_line(line: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "my_texts").mkdir()
    function = f"function compare; {sys.executable} -m cli $argv; end\n"
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"{function}{FISH}\ncomplete -C '{line}'"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert [each.split("\t")[0] for each in done.stdout.splitlines()] == expected, done.stderr
