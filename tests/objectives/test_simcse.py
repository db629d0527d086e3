import math
from dataclasses import replace

import pytest
import torch
from conftest import VOCABULARY, make_batch
from objective_files import load_objective

from models.batch import Attention
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
    (term,) = model(objective, prepared).terms
    torch.manual_seed(5)
    hidden = model.backbone(prepared.inputs, attention=prepared.attention).last
    real = prepared.inputs.attention_mask[:, :, None]
    pooled = hidden[:, 0] if pooling == "cls" else (hidden * real).sum(1) / real.sum(1)
    projected = torch.tanh(model.heads["projector"].dense(pooled))
    assert not torch.allclose(projected[:4], projected[4:])  # fresh dropout in the second pass
    expected = info_nce(projected[:4], projected[4:], 0.05)
    torch.testing.assert_close(term.values, expected)


@pytest.mark.parametrize("name", ["simcse", "declutr"])
def test_the_noise_is_the_objectives_own(config: BackboneConfig, name: str) -> None:
    """A backbone without dropout gives different views, and other passes none of that noise."""
    objective = load_objective(name)
    assert objective.dropout
    model = build_model(objective, replace(config, dropout=0.0), VOCABULARY.size, seed=0).train()
    batch = make_batch([12, 9, 12, 5])
    prepared = objective.corrupt(
        batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
    )
    first, second = (objective.embed(model, prepared) for _ in range(2))
    assert not torch.allclose(first, second, atol=1e-3)
    states = [model.backbone(batch, attention=Attention()).last for _ in range(2)]
    assert torch.equal(*states)


def test_the_rate_of_a_pass_is_that_of_the_backbone(config: BackboneConfig) -> None:
    """Dropout of .1 in the objective does what dropout of .1 in the backbone does."""
    objective, found = load_objective("simcse"), []
    batch = make_batch([12, 9])
    prepared = objective.corrupt(
        batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
    )
    for own, rate in ((None, 0.1), (0.1, 0.0)):
        chosen = replace(objective, dropout=own)
        model = build_model(chosen, replace(config, dropout=rate), VOCABULARY.size, seed=0).train()
        torch.manual_seed(3)
        found.append(chosen.embed(model, prepared))
    assert torch.equal(*found)


def test_views_without_noise_are_refused(config: BackboneConfig) -> None:
    with pytest.raises(ValueError, match=r"dropout is 0\.0: .* set 0\.1"):
        load_objective("simcse", dropout=0.0)
    with pytest.raises(ValueError, match=r"objective\.dropout=0\.1"):
        load_objective("simcse", dropout=None).check(replace(config, dropout=0.0), 64)
    load_objective("simcse", dropout=None).check(replace(config, dropout=0.1), 64)
    load_objective("declutr", dropout=0.0).check(replace(config, dropout=0.0), 64)


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.0}, {"rows_per_update": 1}, {"pooling": "median"}, {"dropout": 1.0}],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        load_objective("simcse", **change)
