from pathlib import Path

import numpy as np
import pytest

import runners.corpora.shards as shards
from runners.corpora.shards import ShardWriter, TokenRows


def write(folder: Path, rows: list[list[int]], size: int = 1000) -> None:
    writer = ShardWriter(folder, "train", size)
    for place, row in enumerate(rows):
        writer.add(row, document=place // 2, num_bytes=3 * len(row))
    writer.finish()


@pytest.mark.parametrize("size", [1000, 100_000])
def test_rows_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(shards, "SHARD_TOKENS", 10)
    monkeypatch.setattr(shards, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(shards, "TOKENS_AT_ONCE", 4)
    rows = [[1, 2, 3], [4, 5, 6, 7], [8] * 9, [size - 1] * 2, []]
    write(tmp_path, rows, size)
    found = TokenRows(tmp_path, "train")
    assert len(list(tmp_path.glob("*.tokens"))) == 3
    assert [found.tokens(i).tolist() for i in range(len(found))] == rows
    assert found.table["num_bytes"].tolist() == [9, 12, 27, 6, 0]
    assert found.table["document"].tolist() == [0, 0, 1, 1, 2]
    counts = found.token_counts(size)
    assert counts[8] == 9
    assert counts.sum() == 18


@pytest.mark.parametrize("name", ["train-00000.tokens", "train-rows.npy"])
def test_a_damaged_file_is_found(tmp_path: Path, name: str) -> None:
    write(tmp_path, [[1, 2, 3]])
    content = bytearray((tmp_path / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        TokenRows(tmp_path, "train")


def test_a_missing_file_is_found(tmp_path: Path) -> None:
    write(tmp_path, [[1, 2, 3]])
    (tmp_path / "train-00000.tokens").unlink()
    with pytest.raises(ValueError, match="damaged"):
        TokenRows(tmp_path, "train")


def test_tokens_are_not_read_into_memory(tmp_path: Path) -> None:
    write(tmp_path, [[1, 2, 3]])
    assert isinstance(TokenRows(tmp_path, "train").tokens(0), np.memmap)
