"""Caches whose files are damaged, and processes that want the same one while its builder dies."""

import hashlib
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import build_and_tell
from damages import DAMAGES
from made_corpus import build, document

from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.loading import load_hub_dataset
from runners.corpora.local import LocalConfig

ROWS = {
    split: [{"text": document(1000 * number + i)} for i in range(20)]
    for number, split in enumerate(("train", "validation", "test"))
}


def hashes(folder: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return build(tmp_path_factory.mktemp("corpus"), ROWS)


def test_a_damaged_corpus_is_built_again(there: Corpus, whole: bool) -> None:
    """Every file of it, the tokenizer's and the card too; in the short form with one harm each."""
    data, output = there.folder.parents[2] / "data", there.folder.parents[1]
    config = LocalConfig(path=str(data), sequence_length=32, vocabulary_size=600)
    before = hashes(there.folder)
    assert len(before) >= 13
    for number, name in enumerate(sorted(before)):
        harms = DAMAGES if whole else [DAMAGES[number % len(DAMAGES)]]
        for harm in harms:
            said: list[str] = []
            harm(there.folder / name)
            corpus = build_corpus(config, output_dir=output, say=said.append)
            assert corpus.folder == there.folder
            assert hashes(there.folder) == before, (name, harm)
            assert [name in line for line in said if "it is built again" in line] == [True]
    said = []
    build_corpus(config, output_dir=output, say=said.append)
    assert said == []


@pytest.mark.parametrize("harm", DAMAGES)
def test_a_damaged_copy_of_a_data_set_is_made_again(
    tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    (tmp_path / "hub" / "made").mkdir(parents=True)
    (tmp_path / "hub" / "made" / "train.csv").write_text("text,label\none,1\ntwo,2\n" * 99)

    def rows() -> list[dict[str, object]]:
        loaded = load_hub_dataset("made", hub_dir=tmp_path / "hub", cache_dir=tmp_path / "cache")
        return list(loaded["train"])

    before = rows()
    (file,) = (tmp_path / "cache").rglob("*.arrow")
    content = file.read_bytes()
    harm(file)
    assert rows() == before
    assert [f.read_bytes() for f in (tmp_path / "cache").rglob("*.arrow")] == [content]


def test_four_processes_build_a_corpus_once_though_its_builder_is_killed(
    there: Corpus, tmp_path: Path
) -> None:
    """The lock of the killed one is free, and what it left half done goes."""
    data, told, output = there.folder.parents[2] / "data", tmp_path / "told", tmp_path / "out"
    told.touch()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["runners.corpora.building"])
    first = context.Process(target=build_and_tell, args=(data, output, told, "tokenizing"))
    first.start()
    wait_for(lambda: " tokenizing" in told.read_text())
    others = [context.Process(target=build_and_tell, args=(data, output, told)) for _ in range(3)]
    for process in others:
        process.start()
    time.sleep(1.0)
    assert "done" not in told.read_text()
    assert [path.name for path in (output / "corpora").glob(".building-*")]
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    for process in others:
        process.join(60)
    first.join(10)
    assert [process.exitcode for process in (first, *others)] == [-signal.SIGKILL, 0, 0, 0]
    lines = [line.split(" ", 1) for line in told.read_text().splitlines()]
    builders = {pid for pid, line in lines if line.startswith("tokenizing")}
    assert len(builders - {str(first.pid)}) == 1
    assert [line for _, line in lines if "done" in line] == [f"done {there.card.fingerprint}"] * 3
    assert not list((output / "corpora").glob(".building-*"))
    (folder,) = (path for path in (output / "corpora").iterdir() if path.is_dir())
    assert hashes(folder) == hashes(there.folder)


def test_a_linked_corpus_is_used_and_when_damaged_not_touched(
    there: Corpus, tmp_path: Path
) -> None:
    """What lies elsewhere is read, and never written."""
    output, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    shutil.copytree(there.folder, elsewhere)
    (output / "corpora").mkdir(parents=True)
    (output / "corpora" / there.folder.name).symlink_to(elsewhere)
    data = there.folder.parents[2] / "data"
    config = LocalConfig(path=str(data), sequence_length=32, vocabulary_size=600)
    said: list[str] = []
    build_corpus(config, output_dir=output, say=said.append)
    assert said == []
    (elsewhere / "card.json").write_text("{")
    build_corpus(config, output_dir=output, say=said.append)
    assert "it is built again" in said[0]
    assert (elsewhere / "card.json").read_text() == "{"
    assert hashes(output / "corpora" / there.folder.name) == hashes(there.folder)


def wait_for(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
