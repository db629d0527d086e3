"""With its targets shuffled an objective learns how often each occurs, and nothing more.

A made language in which every row says one word again and again: any context tells any target, so
an objective that reads its context is soon sure, and one whose targets were dealt out at random
among the places of its update cannot get below the entropy of the targets.
"""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from conftest import SPECIAL, VOCABULARY, only
from objective_files import OBJECTIVE_FILES, load_objective

from models.batch import Batch
from models.config import BackboneConfig
from objectives.base import Moment, Objective, build_model
from objectives.contrastive import Contrastive
from objectives.fusion import Fusion
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from runners.measures.row_losses import row_losses

WORDS, STEPS, ROWS = 12, 60, 24
TOKENS = [
    name
    for name in OBJECTIVE_FILES
    if not isinstance(load_objective(name), Fusion | Contrastive) and name != "shuffled_targets"
]
PAIRS = ["clip", "simcse_supervised"]


@pytest.fixture
def config(config: BackboneConfig) -> BackboneConfig:
    return replace(config, max_length=128, dropout=0.05)


def batch_of(step: int) -> Batch:
    """Rows of one word each; the second half of a row says another word, which follows from it."""
    generator = torch.Generator().manual_seed(step)
    words = torch.randint(WORDS, (ROWS,), generator=generator)
    lengths = torch.randint(12, 30, (ROWS,), generator=generator)
    input_ids = torch.full((ROWS, 32), VOCABULARY.pad_id)
    for row, word, length in zip(input_ids, words, lengths, strict=True):
        row[0] = VOCABULARY.cls_id
        row[1 : length + 1] = SPECIAL + word
        row[length + 1] = VOCABULARY.sep_id
    mask = torch.arange(32) < lengths[:, None] + 2
    halves = torch.stack([lengths // 2, torch.zeros_like(lengths)], 1)
    return Batch(input_ids, mask, step * ROWS + torch.arange(ROWS), halves)


def paired_batch_of(step: int) -> Batch:
    """The second half of every row says the word that follows; no word stands twice in a batch."""
    batch = batch_of(step)
    assert batch.boundaries is not None
    words = torch.randperm(WORDS, generator=torch.Generator().manual_seed(step))
    for row, word, mask in zip(batch.input_ids, words, batch.attention_mask, strict=False):
        length = int(mask.sum()) - 2
        row[1 : length // 2] = SPECIAL + word
        row[length // 2 : length + 1] = SPECIAL + 50 + word
    return batch.select(slice(0, WORDS))


def prepared_of(objective: Objective, batch: Batch) -> Prepared:
    draw = RowRandom(0, batch.row_ids)
    return only(objective.prepare(batch, vocabulary=VOCABULARY, draw=draw, moment=Moment()))


def shuffled(prepared: Prepared, step: int) -> Prepared:
    """The same places with the targets of others."""
    assert prepared.labels is not None
    order = torch.randperm(len(prepared.targets), generator=torch.Generator().manual_seed(step))
    labels = prepared.labels.flatten().clone()
    labels[prepared.positions] = prepared.targets[order]
    dealt = Prepared.of(
        prepared.inputs,
        prepared.attention,
        labels.view_as(prepared.labels),
        copies=prepared.copies,
        more=prepared.more,
    )
    return replace(dealt, settings=prepared.settings)


def mispaired(prepared: Prepared, step: int) -> Prepared:
    """The same views, the first ones with the second ones of other rows."""
    order = torch.randperm(prepared.rows, generator=torch.Generator().manual_seed(step))
    everything = torch.cat([order, torch.arange(prepared.rows, len(prepared.inputs.input_ids))])
    return replace(prepared, inputs=prepared.inputs.select(everything))


def learned(objective: Objective, config: BackboneConfig, *, deal: bool, pairs: bool) -> float:
    """Its first term's held-out loss after some updates."""
    make = paired_batch_of if pairs else batch_of
    model = build_model(objective, config, VOCABULARY.size, seed=0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(STEPS):
        prepared = prepared_of(objective, make(step))
        if deal:
            prepared = mispaired(prepared, step) if pairs else shuffled(prepared, step)
        optimizer.zero_grad()
        model(objective, prepared).total(objective.counts(prepared)).backward()
        optimizer.step()
    held_out = [prepared_of(objective, make(1000 + number)) for number in range(4)]
    losses = row_losses(model, objective, held_out, vocabulary=None, device="cpu")
    return float(losses.sums[0].sum() / losses.counts[0].sum())


@pytest.mark.parametrize("name", TOKENS)
def test_shuffled_targets_teach_frequencies_alone(name: str, config: BackboneConfig) -> None:
    # RTD's generator is what predicts tokens: let it be heard beside the discriminator.
    objective = load_objective(name, **({"discriminator_weight": 0.1} if name == "rtd" else {}))
    held_out = [prepared_of(objective, batch_of(1000 + number)) for number in range(4)]
    targets = Counter(torch.cat([prepared.targets for prepared in held_out]).tolist())
    total = sum(targets.values())
    entropy = -sum(count / total * math.log(count / total) for count in targets.values())
    assert learned(objective, config, deal=False, pairs=False) < entropy - 0.5
    assert learned(objective, config, deal=True, pairs=False) > entropy - 0.05


@pytest.mark.parametrize("name", PAIRS)
def test_shuffled_pairs_teach_nothing(name: str, config: BackboneConfig) -> None:
    """simcse and declutr tell their views apart untrained, so there is nothing to unlearn."""
    objective = load_objective(name)
    guess = math.log(WORDS)
    assert learned(objective, config, deal=False, pairs=True) < guess - 0.5
    assert learned(objective, config, deal=True, pairs=True) > guess - 0.05
