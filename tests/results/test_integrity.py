"""Checksums of folders and of JSON, and folders that are put in place."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from damages import DAMAGES, changed_unseen

from results import integrity
from results.integrity import (
    MANIFEST,
    damage,
    put,
    read_sealed,
    remove,
    sha256_of,
    write_manifest,
    write_sealed,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.bin", "b.txt"):
        (folder / name).write_bytes(name.encode() * 99)
    write_manifest(folder)
    return folder


def test_what_is_whole_is_not_damaged(folder: Path) -> None:
    assert damage(folder) == ""
    assert damage(folder, ["a.bin"]) == ""
    assert damage(folder.parent) == ""  # it has no manifest


@pytest.mark.parametrize("name", ["a.bin", "b.txt", MANIFEST])
@pytest.mark.parametrize("harm", DAMAGES[:-1])
def test_damage_is_named(folder: Path, name: str, harm: Callable[[Path], object]) -> None:
    assert damage(folder) == ""
    harm(folder / name)
    assert damage(folder).startswith(name)
    assert bool(damage(folder, ["a.bin"])) is (name in ("a.bin", MANIFEST))


def test_what_is_missing_is_named_and_what_is_not_listed_is_not_believed(folder: Path) -> None:
    (folder / "c.txt").write_text("x")
    assert damage(folder) == ""
    assert damage(folder, ["c.txt"])
    assert damage(folder, ["d.txt"]) == ""
    (folder / "b.txt").unlink()
    assert damage(folder) == "b.txt is missing"


def test_a_file_is_read_once_until_it_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "RECENT", -(10**18))  # as if it had been written long ago
    assert damage(folder) == ""
    before = integrity._sha256.cache_info()
    assert damage(folder) == ""
    after = integrity._sha256.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 2)
    time.sleep(0.02)  # more than a tick of the file system's clock
    changed_unseen(folder / "a.bin")
    assert damage(folder).startswith("a.bin")


def test_json_comes_back_or_nothing_does(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    assert read_sealed(file) is None
    content = {"2": [0.1, None, "\u00e4\ud800"], "10": {"a": "}"}}
    write_sealed(file, content)
    assert read_sealed(file) == content
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("harm", DAMAGES)
def test_damaged_json_is_none(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    file = tmp_path / "x.json"
    write_sealed(file, {"dtype": "float32"})
    harm(file)
    assert read_sealed(file) is None


@pytest.mark.parametrize("there", ["nothing", "folder", "file", "link", "link to nowhere"])
def test_a_folder_takes_its_place_and_nothing_elsewhere_is_touched(
    tmp_path: Path, there: str
) -> None:
    work, target, elsewhere = (tmp_path / name for name in ("work", "target", "elsewhere"))
    for each in (work, elsewhere):
        each.mkdir()
        (each / "mine").write_text(each.name)
    if there == "folder":
        (target / "old").mkdir(parents=True)
    elif there == "file":
        target.write_text("x")
    elif there != "nothing":
        target.symlink_to(elsewhere if there == "link" else tmp_path / "gone")
    put(work, target)
    assert (target / "mine").read_text() == "work"
    assert os.listdir(target) == ["mine"]
    assert (elsewhere / "mine").read_text() == "elsewhere"
    remove(target)
    assert sorted(os.listdir(tmp_path)) == ["elsewhere"]


def test_equal_content_has_equal_checksums(folder: Path) -> None:
    (folder / "b.txt").write_bytes((folder / "a.bin").read_bytes())
    assert sha256_of(folder / "a.bin") == sha256_of(folder / "b.txt")
