import math

import pytest
import torch
from conftest import VOCABULARY, make_batch
from objective_files import load_objective

from models.batch import Batch
from models.config import BackboneConfig
from objectives.base import Moment, build_model
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from runners.training.update import compile_model

CLM = load_objective("clm")


def prepare(batch: Batch) -> Prepared:
    return CLM.corrupt(
        batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
    )


def test_loss_is_a_plain_loop_over_targets(config: BackboneConfig) -> None:
    model = build_model(CLM, config, VOCABULARY.size, seed=0).eval()
    batch = make_batch([7, 3, 5])
    (term,) = model(CLM, prepare(batch)).terms
    expected = []
    for row, length in enumerate([9, 5, 7]):
        for place in range(length - 1):
            seen = batch.select(slice(row, row + 1))
            seen = Batch(
                seen.input_ids[:, : place + 1], seen.attention_mask[:, : place + 1], seen.row_ids
            )
            hidden = model.backbone(seen, attention=prepare(seen).attention).last[:, -1]
            logits = model.heads["lm"](hidden, model.backbone.token_embedding.weight)[0]
            target = int(batch.input_ids[row, place + 1])
            probabilities = [math.exp(x) for x in logits.tolist()]
            expected.append(-math.log(probabilities[target] / sum(probabilities)))
    assert term.values.tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_later_token_never_moves_an_earlier_loss_by_a_bit(
    config: BackboneConfig, dtype: torch.dtype, compiled: bool
) -> None:
    """Through the objective's own entry point, with padding."""
    model = build_model(CLM, config, VOCABULARY.size, seed=0).eval()
    step = compile_model(model) if compiled else model
    batch = make_batch([20, 13, 20, 8])

    def losses(batch: Batch) -> tuple[list[int], torch.Tensor]:
        prepared = prepare(batch)
        with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            (term,) = step(CLM, prepared).terms
        return prepared.positions.tolist(), term.values

    positions, before = losses(batch)
    for place in (3, 7, 12):
        changed = batch.input_ids.clone()
        changed[:, place] = (changed[:, place] - 12 + 77) % 200 + 12
        changed[~batch.attention_mask] = VOCABULARY.pad_id
        real = batch.attention_mask[:, place]
        _, after = losses(Batch(changed, batch.attention_mask, batch.row_ids))
        width = batch.input_ids.shape[1]
        earlier = torch.tensor([p % width < place - 1 for p in positions])
        later = torch.tensor([p % width >= place and bool(real[p // width]) for p in positions])
        assert torch.equal(before[earlier], after[earlier])
        assert (before[later] != after[later]).float().mean() > 0.9


def test_the_end_is_a_target_and_padding_is_not() -> None:
    prepared = prepare(make_batch([4, 2]))
    assert len(prepared.targets) == (4 + 1) + (2 + 1)
    assert (prepared.targets == VOCABULARY.sep_id).sum() == 2
    assert not (prepared.targets == VOCABULARY.pad_id).any()
