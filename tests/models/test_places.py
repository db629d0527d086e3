from dataclasses import dataclass, replace
from typing import Any, cast
from unittest import mock

import pytest
import torch
from conftest import VOCABULARY, make_batch
from objective_files import load_objective
from torch import Tensor, nn
from torch._dynamo.utils import counters

from models.backbone import Backbone, Encoder
from models.backbones.modern import ModernConfig
from models.backbones.vanilla import VanillaConfig
from models.batch import Attention, AttentionKind, Batch
from models.config import BackboneConfig
from models.flops import backbone_flops
from models.initialization import initialize
from models.places import ALIGNED_TO, FEW, Places
from objectives.base import build_model
from objectives.trainable import Moment
from runners.checks import leaves_of, total_of

LENGTHS = [38, 20, 3, 31]


def chosen_of(batch: Batch, share: float) -> Tensor:
    """Some of the real tokens, in the order of the rows."""
    draw = torch.rand(batch.input_ids.shape, generator=torch.Generator().manual_seed(3))
    return ((draw < share) & batch.attention_mask).flatten().nonzero().flatten()


def places_in(batch: Batch, flat: Tensor) -> Places:
    rows, length = batch.input_ids.shape
    return Places.of(flat, rows, length)


def gradients(backbone: Backbone, states: Tensor) -> list[Tensor]:
    """Of all weights, by a sum in which every number has another weight."""
    backbone.zero_grad()
    (states * torch.linspace(-1, 1, states.numel()).view_as(states)).sum().backward()
    return [p.grad for p in backbone.parameters() if p.grad is not None]


def built(config: BackboneConfig, architecture: str) -> Backbone:
    if architecture == "modern":
        config = ModernConfig(
            **{**config.shape, "num_layers": 4},
            sliding_window=7,
            full_every=3,
            query_key_norm=True,
            value_residual=True,
        )
    if architecture == "sliding last":
        config = ModernConfig(**{**config.shape, "num_layers": 3}, sliding_window=7, full_every=3)
    backbone = config.build(VOCABULARY.size)
    assert isinstance(backbone, Backbone)
    initialize(backbone, seed=1, std=0.2)
    return backbone.eval()


@pytest.mark.parametrize("kind", ["bidirectional", "causal", "prefix", "bottleneck"])
@pytest.mark.parametrize("architecture", ["vanilla", "modern", "sliding last"])
def test_few_places_have_the_states_and_gradients_of_the_whole(
    config: BackboneConfig, architecture: str, kind: AttentionKind
) -> None:
    backbone, batch = built(config, architecture), make_batch(LENGTHS)
    attention = Attention(kind, prefix_lengths=torch.tensor([9, 4, 2, 30]))
    places = places_in(batch, chosen_of(batch, 0.3))
    assert places.few
    whole = backbone(batch, attention=attention).last.flatten(0, 1)[places.flat]
    expected = gradients(backbone, whole)
    ours = backbone.states_at(places, batch, attention=attention)
    torch.testing.assert_close(ours, whole, atol=2e-5, rtol=1e-5)
    found = gradients(backbone, ours)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_documents_in_one_row_and_rows_too_long_for_the_written_out_formula(
    config: BackboneConfig,
) -> None:
    backbone = built(replace(config, max_length=600), "vanilla")
    for lengths in ([40, 40], [560, 300]):
        batch = make_batch(lengths)
        documents = torch.arange(batch.input_ids.shape[1]).expand_as(batch.input_ids) // 17
        for attention in (Attention("causal"), Attention("causal", document_ids=documents)):
            places = places_in(batch, chosen_of(batch, 0.2))
            whole = places.take(backbone(batch, attention=attention).last)
            ours = backbone.states_at(places, batch, attention=attention)
            torch.testing.assert_close(ours, whole, atol=2e-5, rtol=1e-5)


def test_places_may_come_in_any_order_and_there_may_be_none(config: BackboneConfig) -> None:
    backbone, batch = built(config, "vanilla"), make_batch(LENGTHS)
    flat = chosen_of(batch, 0.3)
    mixed = flat[torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))]
    places, attention = places_in(batch, mixed), Attention("bidirectional")
    whole = places.take(backbone(batch, attention=attention).last)
    ours = backbone.states_at(places, batch, attention=attention)
    torch.testing.assert_close(ours, whole, atol=2e-5, rtol=1e-5)
    none = backbone.states_at(places_in(batch, flat[:0]), batch, attention=attention)
    assert none.shape == (0, config.hidden_size)


def test_every_place_has_a_slot_of_its_row() -> None:
    flat = torch.tensor([12, 3, 0, 25, 11])
    places = Places.of(flat, rows=3, length=10)
    assert places.most == ALIGNED_TO
    assert (places.slots // places.most).tolist() == (flat // 10).tolist()
    assert len(places.slots.unique()) == len(flat)
    states = torch.randn(5, 2)
    spread = places.spread(states, fill=7.0)
    assert spread.shape == (3, ALIGNED_TO, 2)
    assert torch.equal(places.gather(spread), states)
    assert (spread == 7.0).sum() == 2 * (3 * ALIGNED_TO - 5)
    assert Places.of(torch.arange(10), rows=1, length=10).most == 2 * ALIGNED_TO
    wide = Places.of(torch.arange(20), rows=1, length=20)
    part = Places.of(flat, rows=3, length=10, part_of=wide)
    assert (part.most, part.few) == (wide.most, wide.few) == (24, False)


def test_many_places_are_not_told_apart(config: BackboneConfig) -> None:
    """A causal language model is trained at all of them."""
    backbone, batch = built(config, "vanilla"), make_batch([38, 38])
    for share, few in ((FEW - 0.05, True), (FEW + 0.05, False)):
        count = round(share * batch.input_ids.numel())
        places = places_in(batch, torch.arange(count))
        assert places.few is few
        with mock.patch.object(Encoder, "states_at", autospec=True) as plain:
            backbone.states_at(places, batch, attention=Attention("causal"))
        assert plain.called is not few


@dataclass(frozen=True, kw_only=True)
class OfOnesOwn(VanillaConfig):
    """An architecture whose blocks know nothing of places."""

    asks_from_places = False  # type: ignore[assignment]

    def block(self, index: int) -> nn.Module:
        return Plain(self)


class Plain(nn.Module):
    def __init__(self, config: VanillaConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, sight: Any, first: Tensor | None) -> tuple[Tensor, Tensor]:
        return hidden + self.dense(hidden), hidden


def test_blocks_that_know_no_places_compute_all_of_them(config: BackboneConfig) -> None:
    own = OfOnesOwn(**config.shape)
    batch, backbone = make_batch(LENGTHS), own.build(VOCABULARY.size).eval()
    places, attention = places_in(batch, chosen_of(batch, 0.3)), Attention("bidirectional")
    ours = backbone.states_at(places, batch, attention=attention)
    assert torch.equal(ours, places.take(backbone(batch, attention=attention).last))
    rows, length = batch.input_ids.shape
    assert backbone_flops(own, rows, length, places) == backbone_flops(own, rows, length)


def test_parts_of_an_update_have_its_width(config: BackboneConfig) -> None:
    """So that micro-batches cost together what the update was counted to cost."""
    objective = load_objective("mlm")
    (leaf,) = leaves_of(objective, make_batch([120, 9, 12, 3]), Moment())
    assert leaf.prepared.places.most > ALIGNED_TO
    parts = leaf.prepared.split(2)
    assert {part.places.most for part in parts} == {leaf.prepared.places.most}
    whole, size = objective.training_flops(config, VOCABULARY.size, leaf.prepared), VOCABULARY.size
    assert sum(objective.training_flops(config, size, part) for part in parts) == whole


@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_a_compiled_last_block_serves_every_number_of_places(config: BackboneConfig) -> None:
    objective = load_objective("mlm")
    model = build_model(objective, replace(config, dropout=0.0), VOCABULARY.size, seed=0)
    batch = make_batch([60] * 4)
    torch.compiler.reset()
    counters.clear()
    cast(Any, model.backbone).blocks.compile(backend="eager")
    widths = set()
    for number in range(12):
        leaves = leaves_of(
            objective, replace(batch, row_ids=torch.arange(4) + 4 * number), Moment()
        )
        widths.add(leaves[0].prepared.places.most)
        total_of(model, leaves).backward()
    assert len(widths) > 1
    assert counters["stats"]["unique_graphs"] <= 4
    assert not counters["recompile_limit"]
