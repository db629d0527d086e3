"""A disk that is full during a save costs that save alone."""

import contextlib
import errno
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from fake_probe import job_of
from lives import Life, Notes, train

from results.store import ResultStore
from runners.corpora.corpus import Corpus
from runners.experiment import run_job
from runners.progress import Silent
from runners.training.checkpoint import Checkpoints


@contextlib.contextmanager
def no_larger_file(models: Path, share: float, save: int) -> Iterator[None]:
    """Let no file grow above a share of the weights' size from save number `save` on."""
    before, saved, count = resource.getrlimit(resource.RLIMIT_FSIZE), Checkpoints.save, [0]

    def saving(self: Checkpoints, *arguments: Any) -> None:
        count[0] += 1
        if count[0] == save:
            (weights,) = models.glob(f"*/checkpoints/{save - 1}/model.safetensors")
            size = int(share * weights.stat().st_size)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        saved(self, *arguments)

    try:
        with mock.patch.object(Checkpoints, "save", saving):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that holds one checkpoint and no second."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=900k", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk, and in some containers not even root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_leaves_the_checkpoint_before(
    rows: Corpus, small_disk: Path, tmp_path: Path
) -> None:
    life = Life("clm", rows.folder, small_disk, steps=6)
    with pytest.raises(OSError, match="No space left") as raised:
        train(life)
    assert raised.value.errno == errno.ENOSPC
    assert life.checkpoints == [1]
    assert [path.name for path in (life.folder / "checkpoints").iterdir()] == ["1"]
    subprocess.run(["mount", "-o", "remount,size=9m", str(small_disk)], check=True)
    notes = Notes()
    alone = Life("clm", rows.folder, tmp_path / "alone", steps=6, saves=False)
    assert train(life, notes) == train(alone)
    assert notes.lines == ["going on after step 1"]


@pytest.mark.parametrize("share", [0.5, 1.5])
def test_a_limit_on_files_does_likewise(share: float, rows: Corpus, tmp_path: Path) -> None:
    """Whether the weights do not fit, or the optimizer, which is twice as large."""
    life = Life("clm", rows.folder, tmp_path / "limited", steps=6)
    limited = no_larger_file(life.output / "models", share, save=3)
    job = job_of(replace(life.config, columns=life.config.objective.columns), rows)  # type: ignore[union-attr]
    store = ResultStore(life.output)
    with limited, pytest.raises(OSError, match="too large") as raised:
        run_job(job, store, Silent())
    assert store.records() == ([], {})  # which could not be written either
    assert raised.value.errno == errno.EFBIG
    assert {path.name for path in (life.folder / "checkpoints").iterdir()} == {"1", "2"}
