"""What must hold of every objective that conf/objective/ names."""

import pytest
import torch
from conftest import VOCABULARY, make_batch
from objective_files import OBJECTIVE_FILES, load_objective
from torch import Tensor

from models.backbone import BackboneConfig
from objectives.base import LossOutput, Objective, Prepared, TrainModel, build_model
from objectives.randomness import RowRandom
from runners.evaluation import row_losses

pytestmark = pytest.mark.parametrize("name", OBJECTIVE_FILES)


def prepare(objective: Objective, lengths: list[int], seed: int = 0) -> Prepared:
    batch = make_batch(lengths, seed=seed)
    return objective.corrupt(
        batch, vocabulary=VOCABULARY, draw=RowRandom(seed, batch.row_ids), progress=0.5
    )


def loss_of(model: TrainModel, prepared: Prepared) -> Tensor:
    torch.manual_seed(0)
    output: LossOutput = model(prepared)
    return output.total(model.objective.counts(prepared))


def test_loss_is_finite_and_gradients_reach_every_part(name: str, config: BackboneConfig) -> None:
    objective = load_objective(name)
    model = build_model(objective, config, VOCABULARY.size, seed=0).train()
    loss = loss_of(model, prepare(objective, [12, 9, 12, 5]))
    loss.backward()
    assert loss.isfinite()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # Positions past the longest row have none, but the table as a whole does.
    assert not without


def test_twenty_steps_on_one_batch_lower_the_loss(name: str, config: BackboneConfig) -> None:
    objective = load_objective(name)
    model = build_model(objective, config, VOCABULARY.size, seed=0).train()
    prepared = prepare(objective, [12, 9, 12, 5, 8, 10])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    first = loss_of(model, prepared)
    for _ in range(20):
        optimizer.zero_grad()
        loss_of(model, prepared).backward()
        optimizer.step()
    last = loss_of(model, prepared)
    assert last < 0.9 * first


def test_the_same_seed_gives_the_same_loss(name: str, config: BackboneConfig) -> None:
    objective = load_objective(name)
    losses = [
        loss_of(
            build_model(objective, config, VOCABULARY.size, seed=seed).train(),
            prepare(objective, [12, 9, 12, 5]),
        )
        for seed in (0, 0, 1)
    ]
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


def test_corruption_depends_on_neither_padding_nor_company(name: str) -> None:
    objective = load_objective(name)
    batch = make_batch([12, 9, 12, 5])

    def corrupted(rows: slice, width: int) -> Prepared:
        wide = make_batch([12, 9, 12, 5], width=width)
        part = wide.rows(rows.start, rows.stop)
        return objective.corrupt(
            part, vocabulary=VOCABULARY, draw=RowRandom(0, part.row_ids), progress=0.5
        )

    whole = corrupted(slice(0, 4), batch.input_ids.shape[1])
    wider = corrupted(slice(0, 4), 30)
    part = corrupted(slice(1, 3), batch.input_ids.shape[1])
    length = batch.input_ids.shape[1]
    assert torch.equal(whole.inputs.input_ids, wider.inputs.input_ids[:, :length])
    assert torch.equal(whole.inputs.input_ids[1:3], part.inputs.input_ids[:2])
    if whole.labels is not None and wider.labels is not None and part.labels is not None:
        assert torch.equal(whole.labels, wider.labels[:, :length])
        assert torch.equal(whole.labels[1:3], part.labels)


def test_micro_batches_give_the_gradient_of_the_whole(name: str, config: BackboneConfig) -> None:
    objective = load_objective(name)
    prepared = prepare(objective, [12, 9, 12, 5])
    if not objective.additive:
        with pytest.raises(AssertionError, match="together"):
            prepared.split(1)
        return
    model = build_model(objective, config, VOCABULARY.size, seed=0).eval()
    counts = objective.counts(prepared)
    model(prepared).total(counts).backward()
    whole = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    for micro in prepared.split(1):
        if sum(objective.counts(micro)):
            model(micro).total(counts).backward()
    for parameter_name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, whole[parameter_name], atol=1e-6, rtol=1e-4)


def test_counts_are_those_of_the_loss(name: str, config: BackboneConfig) -> None:
    objective = load_objective(name)
    prepared = prepare(objective, [12, 9, 12, 5])
    output = build_model(objective, config, VOCABULARY.size, seed=0)(prepared)
    assert objective.counts(prepared) == tuple(len(term.values) for term in output.terms)
    for term in output.terms:
        assert term.values.dtype == torch.float32
        assert len(term.rows) == len(term.values)
        assert int(term.rows.max()) < len(prepared.inputs.input_ids) // prepared.copies


def test_row_losses_sum_to_the_loss(name: str, config: BackboneConfig) -> None:
    objective = load_objective(name)
    prepared = prepare(objective, [12, 9, 12, 5])
    model = build_model(objective, config, VOCABULARY.size, seed=0).eval()
    rows = row_losses(model, [prepared], end_id=-1, device="cpu")
    if not objective.noisy:
        expected = float(loss_of(model, prepared).detach())
        assert rows.mean() == pytest.approx(expected, rel=1e-5)
    assert rows.counts.sum() == sum(objective.counts(prepared))


def test_its_traits_are_stated(name: str) -> None:
    objective = load_objective(name)
    assert objective.family in ("LM", "DAE", "CL")
    assert objective.attention in ("causal", "bidirectional")
    assert objective.likelihood in ("causal", "pseudo", "none")
    assert objective.name == name
    assert (type(objective).__doc__ or "").strip()


@pytest.mark.parametrize("change", [{"learning_rate": 0.0}, {"rows_per_update": 0}])
def test_ranges_are_checked(name: str, change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        load_objective(name, **change)
