"""What must hold of every objective that conf/objective/ names."""

from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from conftest import VOCABULARY, make_batch
from objective_files import OBJECTIVE_FILES, load_objective
from torch import Tensor

from models.batch import Batch
from models.config import BackboneConfig
from objectives.alternate import Alternate
from objectives.base import Moment, Objective, TrainModel, build_model
from objectives.fusion import Fusion
from objectives.prepared import IGNORE_INDEX, LossOutput, Prepared
from objectives.randomness import RowRandom
from objectives.sequence import InSequence
from objectives.shuffled_targets import ShuffledTargets
from objectives.simcse import SimCSE
from runners.measures.row_losses import row_losses
from runners.training.trainer import TrainerConfig
from runners.training.update import UpdateStep

pytestmark = pytest.mark.parametrize("name", OBJECTIVE_FILES)


MOMENTS = (Moment(0, 0.0), Moment(1, 0.99))
"""Both phases of a sequence, both turns of an alternation."""


def prepare(
    objective: Objective, lengths: list[int], seed: int = 0, moment: Moment = MOMENTS[0]
) -> Prepared:
    return prepare_batch(objective, make_batch(lengths, seed=seed), seed, moment)


def prepare_batch(
    objective: Objective, batch: Batch, seed: int = 0, moment: Moment = MOMENTS[0]
) -> Prepared:
    draw = RowRandom(seed, batch.row_ids)
    return objective.prepare(batch, vocabulary=VOCABULARY, draw=draw, moment=moment)


def without_noise(objective: Objective) -> Objective:
    """Views that are dropout become alike; pieces of a batch would draw other noise."""
    if isinstance(objective, Fusion):
        terms = {name: without_noise(term) for name, term in objective.terms.items()}
        return replace(objective, terms=terms)
    return replace(objective, dropout=1e-9) if isinstance(objective, SimCSE) else objective


def loss_of(model: TrainModel, prepared: Prepared) -> Tensor:
    torch.manual_seed(0)
    output: LossOutput = model(prepared)
    return output.total(model.objective.counts(prepared))


def test_loss_is_finite_and_gradients_reach_every_part(name: str, config: BackboneConfig) -> None:
    objective = load_objective(name)
    model = build_model(objective, config, VOCABULARY.size, seed=0).train()
    for moment in MOMENTS:
        loss = loss_of(model, prepare(objective, [12, 9, 12, 5], moment=moment))
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
    if isinstance(objective, Alternate | ShuffledTargets) or getattr(objective, "shuffled", False):
        return  # these deal rows and targets out over the whole update

    def corrupted(rows: slice, width: int) -> Prepared:
        part = make_batch([12, 9, 12, 5], width=width).select(rows)
        return objective.leaves(prepare_batch(objective, part))[-1][1]

    whole, wider = corrupted(slice(0, 4), 14), corrupted(slice(0, 4), 30)
    part = corrupted(slice(1, 3), 14)
    assert_alike(whole.inputs.input_ids, wider.inputs.input_ids, VOCABULARY.pad_id)
    assert_alike(whole.inputs.input_ids[1:3], part.inputs.input_ids[:2], VOCABULARY.pad_id)
    if whole.labels is not None and wider.labels is not None and part.labels is not None:
        assert_alike(whole.labels, wider.labels, IGNORE_INDEX)
        assert_alike(whole.labels[1:3], part.labels, IGNORE_INDEX)


def assert_alike(first: Tensor, second: Tensor, padding: int) -> None:
    """Equal, but for padding on the right."""
    width = max(first.shape[1], second.shape[1])
    padded = [F.pad(x, (0, width - x.shape[1]), value=padding) for x in (first, second)]
    assert torch.equal(*padded)


def test_micro_batches_give_the_gradient_of_the_whole(
    name: str, config: BackboneConfig, trainer: TrainerConfig
) -> None:
    """By accumulation where the loss is additive, by GradCache where rows are compared."""
    objective = without_noise(load_objective(name))
    config = replace(config, dropout=0.0)
    for moment in MOMENTS:
        prepared = prepare(objective, [12, 9, 12, 5, 7], moment=moment)
        gradients = []
        for rows in (None, 2):
            model = build_model(objective, config, VOCABULARY.size, seed=0).train()
            step = UpdateStep(model, replace(trainer, micro_batch_rows=rows), 1000)
            with patch.object(torch.optim.AdamW, "zero_grad"):
                step(prepared, rate=0.0, seed=0, number=0)
            gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
        assert gradients[0].keys() == gradients[1].keys()
        for parameter, gradient in gradients[0].items():
            torch.testing.assert_close(gradients[1][parameter], gradient, atol=1e-6, rtol=1e-4)


def test_counts_are_those_of_the_loss(name: str, config: BackboneConfig) -> None:
    objective = load_objective(name)
    model = build_model(objective, config, VOCABULARY.size, seed=0)
    for moment in MOMENTS:
        prepared = prepare(objective, [12, 9, 12, 5], moment=moment)
        output = model(prepared)
        counts = {term.name: len(term.values) for term in output.terms}
        assert objective.counts(prepared) == counts
        for term in output.terms:
            assert term.values.dtype == torch.float32
            assert len(term.rows) == len(term.values)
            assert int(term.rows.max()) < 4


def test_row_losses_sum_to_the_loss(name: str, config: BackboneConfig) -> None:
    for objective in load_objective(name).columns:
        prepared = prepare(objective, [12, 9, 12, 5])
        model = build_model(objective, config, VOCABULARY.size, seed=0).eval()
        rows = row_losses(model, [prepared], vocabulary=None, device="cpu")
        if not objective.traits.noisy:
            expected = float(loss_of(model, prepared).detach())
            assert rows.mean() == pytest.approx(expected, rel=1e-5)
        assert rows.counts.sum() == sum(objective.counts(prepared).values())


def test_its_traits_are_stated(name: str) -> None:
    objective = load_objective(name)
    traits = objective.traits
    assert traits.family in ("LM", "DAE", "CL", "placebo")
    assert traits.attention in ("causal", "bidirectional")
    assert traits.likelihood in ("causal", "pseudo", "pseudo_next", "none")
    assert traits.unit
    assert traits.supervises
    assert objective.name == name
    assert (type(objective).__doc__ or "").strip()


@pytest.mark.parametrize("change", [{"learning_rate": 0.0}, {"rows_per_update": 0}])
def test_ranges_are_checked(name: str, change: dict[str, float]) -> None:
    if isinstance(load_objective(name), InSequence) and "rows_per_update" in change:
        return  # its phases have their own
    with pytest.raises(ValueError, match=next(iter(change))):
        load_objective(name, **change)
