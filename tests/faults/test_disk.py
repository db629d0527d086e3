"""A disk that is full, or that may only be read, while a report is written."""

import errno
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_records import add_baselines, add_run, answers

import cli.job
from cli.main import main
from results.store import ResultStore


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)):
        pytest.skip("this user may not mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def mount(*arguments: str) -> bool:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fill(disk: Path, left: int) -> Path:
    """Take all room but so many bytes."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(b"\0" * max(free - left, 0))
    return filler


def study(folder: Path) -> ResultStore:
    store = ResultStore(folder)
    for name, share in (("clm", 0.6), ("mlm", 0.4)):
        add_run(store, name, answers(share), nats={"clm": 5.0, "mlm": 6.0})
    add_baselines(store, words=answers(0.5))
    return store


def refused(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    capsys.readouterr()
    assert main(command) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("compare: ")
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_a_report_that_cannot_be_written_costs_nothing(
    disk: Path, capsys: pytest.CaptureFixture[str], kind: str, whole: bool
) -> None:
    study(disk / "out")
    report = ("report", str(disk / "out"))
    assert main(report) == 0
    before = contents(disk / "out")
    steps = range(0, 400_000, 20_000) if whole else (60_000,)
    for left in steps if kind == "full" else (0,):
        filler = fill(disk, left) if kind == "full" else None
        if filler is None:
            assert mount("-o", "remount,ro", str(disk))
        elif len(steps) > 2 and main(report) == 0:  # from here on there is room
            assert left > 60_000
            break
        said = refused(capsys, *report)
        assert ("No space left" if filler else "Read-only file system") in said
        assert str(disk / "out" / "reports") in said
        assert contents(disk / "out") == before
        assert not list((disk / "out" / "reports").glob(".writing-*"))
        if filler is None:
            assert mount("-o", "remount,rw", str(disk))
        else:
            filler.unlink()
    assert main(report) == 0


def test_a_record_that_cannot_be_written_leaves_nothing_behind(disk: Path) -> None:
    store = study(disk / "out")
    before = contents(disk / "out")
    filler = fill(disk, 9_000)
    with pytest.raises(OSError, match="No space left") as caught:
        add_run(store, "simcse", answers(0.5, 4_000))
    assert caught.value.errno == errno.ENOSPC
    filler.unlink()
    assert contents(disk / "out") == before
    assert not list(store.folder.glob(".writing-*"))
    add_run(store, "simcse", answers(0.5, 4_000))
    assert len(store.records()[0]) == 4


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_whatever_cannot_be_written_is_one_message(
    number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(arguments: object) -> int:
        raise OSError(number, os.strerror(number), "outputs/x")

    monkeypatch.setattr(cli.job, "main", fails)
    assert main(["job", "x"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(
        f"compare: {os.strerror(number)}, outputs/x: what is finished is kept"
    )
    assert printed.count("\n") == 1
