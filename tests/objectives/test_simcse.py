import math
from dataclasses import replace

import pytest
import torch
from conftest import VOCABULARY, make_batch
from objective_files import load_objective

from models.config import BackboneConfig
from objectives.base import Moment, build_model
from objectives.contrastive import info_nce
from objectives.randomness import RowRandom


def test_info_nce_is_a_plain_loop() -> None:
    first, second = torch.randn(5, 7), torch.randn(5, 7)
    expected = []
    for i in range(5):
        scores = []
        for j in range(5):
            a, b = first[i].tolist(), second[j].tolist()
            dot = sum(x * y for x, y in zip(a, b, strict=True))
            norm = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
            scores.append(math.exp(dot / norm / 0.05))
        expected.append(-math.log(scores[i] / sum(scores)))
    assert info_nce(first, second, 0.05).tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_info_nce_of_equal_vectors_is_chance() -> None:
    same = torch.ones(8, 4)
    assert info_nce(same, same, 0.05).tolist() == pytest.approx([math.log(8)] * 8)


def test_info_nce_does_not_lose_precision_to_autocast() -> None:
    first, second = torch.randn(16, 32), torch.randn(16, 32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = info_nce(first, second, 0.05)
    assert torch.equal(inside, info_nce(first, second, 0.05))


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_loss_is_info_nce_between_two_passes(config: BackboneConfig, pooling: str) -> None:
    objective = load_objective("simcse", pooling=pooling)
    model = build_model(objective, config, VOCABULARY.size, seed=0).train()
    batch = make_batch([12, 9, 12, 5])
    prepared = objective.corrupt(
        batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
    )
    torch.manual_seed(5)
    (term,) = model(prepared).terms
    torch.manual_seed(5)
    hidden = model.backbone(prepared.inputs, attention=prepared.attention).last
    real = prepared.inputs.attention_mask[:, :, None]
    pooled = hidden[:, 0] if pooling == "cls" else (hidden * real).sum(1) / real.sum(1)
    projected = torch.tanh(model.heads["projector"].dense(pooled))
    assert not torch.allclose(projected[:4], projected[4:])  # fresh dropout in the second pass
    expected = info_nce(projected[:4], projected[4:], 0.05)
    torch.testing.assert_close(term.values, expected)


def test_a_backbone_without_dropout_is_refused(config: BackboneConfig) -> None:
    with pytest.raises(ValueError, match=r"model\.dropout=0\.1"):
        load_objective("simcse").check(replace(config, dropout=0.0), 64)
    load_objective("simcse").check(config, 64)


@pytest.mark.parametrize(
    "change", [{"temperature": 0.0}, {"rows_per_update": 1}, {"pooling": "median"}]
)
def test_settings_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        load_objective("simcse", **change)
