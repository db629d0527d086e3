"""Token rows on disk: checksummed shards, memory-mapped, written once and read by every job."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from results.integrity import sha256_of

SHARD_TOKENS = 2**26
"""A shard is closed at so many tokens; no row lies across two."""

ROW = np.dtype(
    [
        ("start", "<i8"),
        ("document", "<i8"),
        ("length", "<i4"),
        ("num_bytes", "<i4"),
        ("shard", "<i4"),
        ("second", "<i4"),
        ("third", "<i4"),
        ("image", "<i4"),
    ]
)
"""A row: its first token in its shard, its document, its tokens, its bytes of text, its shard, the
tokens at which its second and third text begin, or 0, and its picture, counted from 1, or 0."""


ROWS_AT_ONCE = 2**14
"""Rows that are held as Python's numbers, which take far more memory than ROW."""

TOKENS_AT_ONCE = 2**20
"""Tokens that are counted in one go."""


class ShardWriter:
    """Writes the rows of one split as they come; only their table is held in memory.

    Args:
        folder: where the shards go.
        split: begins the file names.
        vocabulary_size: V; ids are stored in two bytes where that suffices, else in four.
    """

    def __init__(self, folder: Path, split: str, vocabulary_size: int) -> None:
        self._folder, self._split = folder, split
        self._dtype = np.dtype("<u2" if vocabulary_size <= 2**16 else "<u4")
        self._files: list[str] = []
        self._open: BinaryIO | None = None
        self._filled = 0
        self._rows: list[tuple[int, ...]] = []
        self._table: list[np.ndarray] = []

    def add(
        self,
        ids: Sequence[int],
        *,
        document: int,
        num_bytes: int,
        boundaries: tuple[int, int] = (0, 0),
        image: int = 0,
    ) -> None:
        """Append one row."""
        if self._open is None or (self._filled and self._filled + len(ids) > SHARD_TOKENS):
            self._begin_shard()
        assert self._open is not None
        shard = len(self._files) - 1
        self._rows.append((self._filled, document, len(ids), num_bytes, shard, *boundaries, image))
        self._open.write(np.array(ids, dtype=self._dtype).data)
        self._filled += len(ids)
        if len(self._rows) == ROWS_AT_ONCE:
            self._pack()

    def finish(self, images: Path | None = None) -> None:
        """Write what is left, the table of rows, and the manifest with every file's checksum.

        Args:
            images: a file with the pictures of the rows, which the manifest vouches for too.
        """
        self.close()
        self._pack()
        table = f"{self._split}-rows.npy"
        np.save(self._folder / table, np.concatenate(self._table))
        manifest = {
            "dtype": self._dtype.str,
            "images": {} if images is None else {images.name: sha256_of(images)},
            "sha256": {name: sha256_of(self._folder / name) for name in [*self._files, table]},
        }
        (self._folder / f"{self._split}-shards.json").write_text(json.dumps(manifest, indent=1))

    def close(self) -> None:
        """Let go of the file that is being written."""
        if self._open is not None:
            self._open.close()

    def _begin_shard(self) -> None:
        self.close()
        self._files.append(f"{self._split}-{len(self._files):05d}.tokens")
        self._open, self._filled = (self._folder / self._files[-1]).open("wb"), 0

    def _pack(self) -> None:
        self._table.append(np.array(self._rows, dtype=ROW))
        self._rows.clear()


class TokenRows:
    """The rows of one split, memory-mapped.

    Args:
        folder: where ShardWriter wrote them.
        split: which.

    Raises:
        ValueError: a file is not what was written.
    """

    def __init__(self, folder: Path, split: str) -> None:
        manifest = json.loads((folder / f"{split}-shards.json").read_text())
        for name, expected in {**manifest["sha256"], **manifest["images"]}.items():
            if not (folder / name).is_file() or sha256_of(folder / name) != expected:
                raise ValueError(
                    f"{folder / name} is damaged (its checksum differs); delete {folder} and "
                    "run again to build it anew"
                )
        *shards, table = manifest["sha256"]
        self.table: np.ndarray = np.load(folder / table)
        self._shards = [
            np.memmap(folder / name, dtype=manifest["dtype"], mode="r") for name in shards
        ]

    def __len__(self) -> int:
        return len(self.table)

    def tokens(self, row: int) -> np.ndarray:
        """(length,) ids of one row, without special tokens."""
        entry = self.table[row]
        start = int(entry["start"])
        tokens: np.ndarray = self._shards[int(entry["shard"])][start : start + entry["length"]]
        return tokens

    def boundaries(self, rows: np.ndarray) -> np.ndarray:
        """(rows, 2) int64, where the second and third text begin, `[CLS]` counted; 0 for none."""
        found = np.stack([self.table["second"][rows], self.table["third"][rows]], axis=1)
        return np.where(found > 0, found + 1, 0).astype(np.int64)

    def token_counts(self, vocabulary_size: int) -> np.ndarray:
        """(V,) int64, how often each id occurs."""
        counts = np.zeros(vocabulary_size, dtype=np.int64)
        for shard in self._shards:
            for at in range(0, len(shard), TOKENS_AT_ONCE):  # bincount copies to 8 bytes each
                part = shard[at : at + TOKENS_AT_ONCE]
                counts += np.bincount(part, minlength=vocabulary_size)
        return counts
