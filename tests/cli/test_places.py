import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.constants
import pytest
from filelock import FileLock
from hub_server import HubServer

import cli.places
from cli.finding import Finding
from cli.places import answer, hub, output, without_secrets


def looked(folder: Path) -> dict[str, Finding]:
    return {found.what: found for found in output(folder)}


def test_a_folder_that_the_first_run_makes(tmp_path: Path) -> None:
    found = looked(tmp_path / "a" / "b")
    assert "the first run makes it" in found["output_dir"].value
    assert found["output_dir"].mark == "ok"
    assert set(found) == {"output_dir", "disk"}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("inside", ["", "out"])
def test_where_nothing_can_be_written(inside: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = looked(tmp_path / "file" / inside)["output_dir"]
    assert found.stops
    assert "nothing can be written there" in found.advice


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert looked(tmp_path)["output_dir"].stops
    tmp_path.chmod(0o700)


def test_a_disk_that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**more: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found = looked(tmp_path)["output_dir"]
    assert found.stops
    assert "(Read-only file system): choose another with output_dir=FOLDER" in found.advice


@pytest.mark.parametrize(("free", "mark"), [(6e9, "ok"), (4e9, "note"), (1e7, "stop")])
def test_little_room(
    free: float, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=free, total=1e10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert looked(tmp_path)["disk"].mark == mark


def test_what_is_there_is_counted_and_what_was_left_half_written_is_named(tmp_path: Path) -> None:
    names = ["runs/one", "runs/two", "corpora/pydocs-1", "runs/.writing-old", "runs/.writing-x"]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"." * 1000)
    past = time.time() - 3600
    os.utime(tmp_path / "runs" / ".writing-old" / "file", (past, past))
    os.utime(tmp_path / "runs" / ".writing-old", (past, past))
    found = looked(tmp_path)
    assert found["holds"].value == "1 corpora (1 kB), 2 runs (4 kB)"
    assert found["leftovers"].value == "1 unfinished folder(s), 1 kB"
    assert found["leftovers"].advice.endswith(f"rm -r {tmp_path}/runs/.writing-*")
    shutil.rmtree(tmp_path / "runs" / ".writing-old")
    assert "leftovers" not in looked(tmp_path)


def test_locks_that_are_held_free_or_deserted(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    held = FileLock(tmp_path / "locks" / "held.lock")
    (tmp_path / "locks" / "free.lock").touch()
    with held:
        found = looked(tmp_path)["locks"]
    assert found.value.startswith(f"1 of 2 held by process {os.getpid()};")
    assert found.mark == "ok"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    soft = tmp_path / "locks" / "soft.lock"  # as of a file system without locks
    soft.write_text(f"{ended.pid}\n{socket.gethostname()}\n")
    found = looked(tmp_path)["locks"]
    assert found.value.startswith("0 of 3 held;")
    assert found.advice == f"held by processes that are gone: rm {soft}"
    soft.write_text(f"{os.getpid()}\n{socket.gethostname()}\n")
    assert looked(tmp_path)["locks"].mark == "ok"


def test_the_hub_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "https://me:hf_word@hub.example/a?key=hf_word")
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_word")
    monkeypatch.setattr(cli.places, "answer", lambda address: "answers in 0.1 s")
    (tmp_path / "sst2").mkdir()
    found = {each.what: each for each in hub(tmp_path)}
    assert found["hub_dir"].value.endswith("1 data set(s) in the hub's place")
    assert found["hub"].value == "https://hub.example/a answers in 0.1 s"
    assert found["token"].value == "there is one (not shown)"
    assert "hf_word" not in str(found)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = {each.what: each for each in hub(tmp_path / "none")}
    assert "not asked" in found["hub"].value
    assert found["hub_dir"].mark == "note"


def test_an_address_without_what_is_secret() -> None:
    assert without_secrets("http://a:b@host:80/x?y=z#w") == "http://host:80/x"
    assert without_secrets("https://huggingface.co") == "https://huggingface.co"


def test_whether_a_server_answers_is_only_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubServer(tmp_path) as server:
        assert answer(server.endpoint).startswith("answers with status 404 in ")
        assert server.log[0].startswith("HEAD ")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert answer(closed) == "does not answer (Connection refused)"
        silent.listen()
        monkeypatch.setattr(cli.places, "PATIENCE", 0.2)
        began = time.perf_counter()
        assert answer(closed).startswith("does not answer")
        assert time.perf_counter() - began < 2
    assert answer("no address").startswith("does not answer")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **more: time.sleep(3))  # a name
    assert answer("https://hub.example") == "does not answer within 0.2 s"
