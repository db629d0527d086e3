import os
import subprocess
import sys

import pytest

from cli.completion import SCRIPT
from cli.main import main


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("compare run objective=ml", "objective=mlm"),
        ("compare run -m objective=clm trainer.warm", "trainer.warmup="),
        ("compare plan +experiment=s", "+experiment=smoke"),
        ("compare run ", "objective="),
    ],
)
def test_the_last_word_of_a_line_is_completed(
    line: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["run", "-sc", "query=bash"]) == 0
    assert expected in capsys.readouterr().out.split()
    assert os.environ["COMP_LINE"] == line


def test_a_shell_completes_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--shell-completion", "install=bash"]) == 0
    assert capsys.readouterr().out == SCRIPT
    ask = """
        compare() { %s -m cli "$@"; }
        COMP_WORDS=(%s); COMP_LINE="${COMP_WORDS[*]}"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _compare_completion; echo "${COMPREPLY[@]}"
    """
    for words, expected in (("compare pl", "plan"), ("compare run objective=rt", "objective=rtd")):
        script = SCRIPT + ask % (sys.executable, words)
        found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        assert found.stdout.split() == [expected], found.stderr


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-sc", "install=fish"]) == 2
    assert "install=bash" in capsys.readouterr().err
