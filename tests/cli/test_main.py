"""How commands end that something stops."""

import errno
import os
import signal
import sys
from types import ModuleType

import pytest

from cli.main import COMMANDS, main


def command(monkeypatch: pytest.MonkeyPatch, does: object) -> int:
    module = ModuleType("a_command")
    module.main = does  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_command", module)
    monkeypatch.setitem(COMMANDS, "doctor", "a_command")
    return main(["doctor"])


def test_termination_is_an_exit_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, cleaned = signal.getsignal(signal.SIGTERM), []

    def terminated(arguments: object) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            return 0
        finally:
            cleaned.append(True)

    assert command(monkeypatch, terminated) == 143
    said = capsys.readouterr().err
    assert said == "compare: terminated; the same command goes on where this stopped\n"
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) == before


def test_other_exits_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as ended:
        command(monkeypatch, lambda arguments: sys.exit(3))
    assert ended.value.code == 3


@pytest.mark.parametrize(
    "error", [OSError(errno.EFBIG, "File too large"), OSError("writing failed: [errno 28] full")]
)
def test_a_full_disk_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError
) -> None:
    def fails(arguments: object) -> int:
        raise error

    assert command(monkeypatch, fails) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "with more room the same command goes on" in said


def test_another_error_of_the_system_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(arguments: object) -> int:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no")

    with pytest.raises(ConnectionRefusedError):
        command(monkeypatch, fails)


@pytest.mark.parametrize("length", [10, 10**6])
def test_what_nobody_reads_ends_without_a_word(
    length: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As behind `| head`."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        assert command(monkeypatch, lambda arguments: print("x" * length)) == 141
        print("and no more", flush=True)
        monkeypatch.undo()
    assert capsys.readouterr().err == ""


def test_another_broken_pipe_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(arguments: object) -> int:
        raise BrokenPipeError(errno.EPIPE, "a process of ours has gone")

    with pytest.raises(BrokenPipeError):
        command(monkeypatch, broken)


@pytest.mark.parametrize("own", ["", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_threads_wait_briefly_unless_the_user_says_how(
    own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    if own:
        monkeypatch.setenv(own, "7")
    seen: list[str | None] = []
    command(monkeypatch, lambda arguments: seen.append(os.environ.get("GOMP_SPINCOUNT")) or 0)
    assert seen == [{"": "1000", "OMP_WAIT_POLICY": None, "GOMP_SPINCOUNT": "7"}[own]]


@pytest.mark.parametrize("own", ["", "9"])
def test_kernels_are_kept_for_many_shapes_unless_the_user_says_how_many(
    own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.setenv(name, own)  # so that it is put back
    if not own:
        monkeypatch.delenv(name)
    seen: list[str | None] = []
    command(monkeypatch, lambda arguments: seen.append(os.environ.get(name)) or 0)
    assert seen == [own or "4096"]
