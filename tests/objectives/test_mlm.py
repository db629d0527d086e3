import math
from unittest import mock

import numpy as np
import pytest
import torch
from conftest import SPECIAL, VOCABULARY, make_batch
from objective_files import load_objective
from scipy.stats import binom

from models.backbone import Backbone, Encoder
from models.batch import Batch
from models.config import BackboneConfig
from objectives.base import Moment, build_model
from objectives.masking import choose_masked
from objectives.mlm import MLM
from objectives.prepared import IGNORE_INDEX, Prepared
from objectives.randomness import RowRandom


def prepare(batch: Batch, objective: MLM | None = None, seed: int = 0) -> Prepared:
    return (objective or load_objective("mlm")).corrupt(
        batch, vocabulary=VOCABULARY, draw=RowRandom(seed, batch.row_ids), moment=Moment()
    )


def within_limits(count: int, total: int, probability: float) -> bool:
    low, high = binom.interval(0.999, total, probability)
    return bool(low <= count <= high)


@pytest.mark.parametrize("length", [6, 30, 62])
def test_rates_are_those_stated(length: int) -> None:
    batch = make_batch([length] * 3000)
    prepared = prepare(batch)
    assert prepared.labels is not None
    selected = prepared.labels != IGNORE_INDEX
    eligible = batch.attention_mask & (batch.input_ids >= SPECIAL)
    assert not (selected & ~eligible).any()
    assert within_limits(int(selected.sum()), int(eligible.sum()), 0.15)
    chosen, original = prepared.inputs.input_ids[selected], batch.input_ids[selected]
    masked = chosen == VOCABULARY.mask_id
    assert within_limits(int(masked.sum()), len(chosen), 0.8)
    same = (200 - 1) / 200  # a random token may be the original
    changed = ~masked & (chosen != original)
    assert within_limits(int(changed.sum()), len(chosen), 0.1 * same)
    assert (chosen[changed] >= SPECIAL).all()
    assert torch.equal(prepared.inputs.input_ids[~selected], batch.input_ids[~selected])


def test_a_wrong_rate_is_caught() -> None:
    batch = make_batch([30] * 3000)
    labels = prepare(batch, load_objective("mlm", mlm_probability=0.16)).labels
    assert labels is not None
    assert not within_limits(int((labels != IGNORE_INDEX).sum()), 30 * 3000, 0.15)


def test_loss_is_a_plain_loop_over_selected_tokens(config: BackboneConfig) -> None:
    model = build_model(load_objective("mlm"), config, VOCABULARY.size, seed=0).eval()
    batch = make_batch([20, 9, 14])
    prepared = prepare(batch)
    (term,) = model(load_objective("mlm"), prepared).terms
    hidden = model.backbone(prepared.inputs, attention=prepared.attention).last
    assert prepared.labels is not None
    expected = []
    for row in range(3):
        for place in range(batch.input_ids.shape[1]):
            target = int(prepared.labels[row, place])
            if target == IGNORE_INDEX:
                continue
            logits = model.heads["lm"](
                hidden[row, place][None], model.backbone.token_embedding.weight
            )[0]
            probabilities = [math.exp(x) for x in logits.tolist()]
            expected.append(-math.log(probabilities[target] / sum(probabilities)))
    assert term.values.tolist() == pytest.approx(expected, abs=1e-5)


def test_positions_that_are_not_selected_give_no_gradient(config: BackboneConfig) -> None:
    model = build_model(load_objective("mlm"), config, VOCABULARY.size, seed=0).eval()
    prepared = prepare(make_batch([20, 9, 14]))
    assert prepared.labels is not None
    states: list[torch.Tensor] = []
    hook = model.backbone.register_forward_hook(
        lambda module, inputs, output: (output.last.retain_grad(), states.append(output.last))[1]
    )
    with mock.patch.object(Backbone, "states_at", Encoder.states_at):  # where all have states
        model(load_objective("mlm"), prepared).total({"mlm": len(prepared.targets)}).backward()
    hook.remove()
    gradient = states[0].grad
    assert gradient is not None
    selected = prepared.labels != IGNORE_INDEX
    assert not gradient[~selected].any()
    assert gradient[selected].any(dim=-1).all()


def test_at_least_one_in_a_batch_and_not_one_in_every_row() -> None:
    def chosen(batch: Batch, seed: int, probability: float = 0.15) -> torch.Tensor:
        draw = RowRandom(seed, batch.row_ids)
        return choose_masked(batch, VOCABULARY, draw, probability=probability)

    batch = make_batch([8] * 8)
    rates = []
    for seed in range(400):
        selected = chosen(batch, seed)
        assert selected.any()
        rates.append(float(selected.sum() / 64))
    assert np.mean(rates) == pytest.approx(0.15, abs=0.01)
    assert chosen(batch, 0, probability=1e-9).sum() == 1
    assert not chosen(make_batch([0, 0]), 0).any()


@pytest.mark.parametrize(
    "change",
    [{"mlm_probability": 0.0}, {"mlm_probability": 1.0}, {"mask_share": 0.95}, {"mask_share": -1}],
)
def test_rates_that_cannot_be_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        load_objective("mlm", **change)


def test_a_span_longer_than_a_row_is_refused(config: BackboneConfig) -> None:
    with pytest.raises(ValueError, match="longest_span is 40 and a row holds 30 tokens"):
        load_objective("mlm", unit="span", longest_span=40).check(config, 32)
    load_objective("mlm", unit="word", longest_span=40).check(config, 32)  # no spans, no limit
