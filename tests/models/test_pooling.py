import torch
from conftest import make_batch

from models.backbone import BackboneOutput
from models.pooling import POOLINGS, pool


def test_each_pooling_is_its_definition() -> None:
    batch = make_batch([5, 2, 7])
    last = torch.randn(3, 9, 4)
    output = BackboneOutput(last)
    for row, length in enumerate([7, 4, 9]):
        real = last[row, :length]
        expected = {"cls": real[0], "mean": real.mean(0), "last": real[-1]}
        for name in POOLINGS:
            pooled = pool(output, batch.attention_mask, name)[row]
            torch.testing.assert_close(pooled, expected[name])


def test_padding_does_not_reach_the_vector() -> None:
    batch = make_batch([3], width=9)
    last = torch.randn(1, 9, 4)
    other = last.clone()
    other[:, 5:] = 1e6
    for name in POOLINGS:
        assert torch.equal(
            pool(BackboneOutput(last), batch.attention_mask, name),
            pool(BackboneOutput(other), batch.attention_mask, name),
        )
