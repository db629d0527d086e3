import numpy as np
import pytest

from runners.corpora.stream import BLOCK_ROWS, RowStream

LENGTHS = np.random.default_rng(0).integers(1, 127, 9000)


def test_an_epoch_holds_every_row_once() -> None:
    stream = RowStream(LENGTHS, seed=0)
    for epoch in range(2):
        rows, ids = stream.rows(epoch * 9000, 9000)
        assert sorted(rows) == list(range(9000))
        assert (ids == epoch * 9000 + rows).all()


@pytest.mark.parametrize("size", [8, 64, 7])
def test_every_batch_size_reads_the_same_stream(size: int) -> None:
    stream = RowStream(LENGTHS, seed=0)
    whole, _ = stream.rows(8800, 700)  # across the end of an epoch
    parts = [stream.rows(start, min(size, 9500 - start))[0] for start in range(8800, 9500, size)]
    assert (np.concatenate(parts) == whole).all()


def test_it_follows_from_the_seed() -> None:
    first, again, other = (RowStream(LENGTHS, seed=s).rows(0, 500)[0] for s in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert (first != RowStream(LENGTHS, seed=0).rows(9000, 500)[0]).any()


def test_neighbours_are_of_like_length_and_blocks_are_shuffled() -> None:
    rows, _ = RowStream(LENGTHS, seed=0).rows(0, 8192)
    blocks = LENGTHS[rows].reshape(-1, BLOCK_ROWS)
    assert np.mean(blocks.max(1) - blocks.min(1)) < 5
    means = blocks.mean(1)
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3
