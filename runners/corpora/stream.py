"""The order in which rows are trained on: one for every objective, per seed."""

from functools import lru_cache

import numpy as np

from models.initialization import seed_of

POOL_ROWS = 4096
BLOCK_ROWS = 64


class RowStream:
    """An endless stream of rows: every place holds a row that follows from (data, seed, place).

    An epoch is a random order of all rows, cut into pools; within a pool rows are sorted by
    length and dealt out in blocks, so that a batch of neighbours is little padding; then all
    blocks are shuffled. Objectives that take 8 or 64 rows an update read the same stream.

    Args:
        lengths: (rows,) tokens of every row.
        seed: of the run.
    """

    def __init__(self, lengths: np.ndarray, seed: int) -> None:
        self._lengths = lengths
        self._seed = seed
        self._epoch = lru_cache(maxsize=2)(self._order_of)

    def rows(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows at the places `start` up to `start + count`.

        Returns:
            (count,) int64 rows of the corpus, and (count,) int64 ids that no other place has:
            epoch times the number of rows, plus the row.
        """
        epochs, places = np.divmod(np.arange(start, start + count), len(self._lengths))
        rows = np.array(
            [self._epoch(int(epoch))[place] for epoch, place in zip(epochs, places, strict=True)],
            dtype=np.int64,
        )
        return rows, epochs * len(self._lengths) + rows

    def _order_of(self, epoch: int) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(key=seed_of("stream", self._seed, epoch)))
        order = generator.permutation(len(self._lengths))
        blocks: list[np.ndarray] = []
        for start in range(0, len(order), POOL_ROWS):
            pool = order[start : start + POOL_ROWS]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            blocks += np.split(pool, range(BLOCK_ROWS, len(pool), BLOCK_ROWS))
        return np.concatenate([blocks[index] for index in generator.permutation(len(blocks))])
