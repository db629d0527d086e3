"""No objective that predicts tokens can see what it is to predict; and the test can tell."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
from conftest import ORDINARY_END, SPECIAL, VOCABULARY, only
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from objective_files import OBJECTIVE_FILES, load_objective
from torch import Tensor

from models.backbones.modern import ModernConfig
from models.backbones.vanilla import VanillaConfig
from models.batch import Attention, Batch
from models.config import BackboneConfig
from objectives.base import Moment, Objective, build_model
from objectives.denoising import Denoising
from objectives.fusion import Fusion
from objectives.prepared import Prepared
from objectives.randomness import RowRandom

CONFIG = VanillaConfig(
    hidden_size=16, num_layers=2, num_heads=2, intermediate_size=32, max_length=256
)
SLIDING = ModernConfig(**CONFIG.shape, sliding_window=5)
CONFIGS = [CONFIG, SLIDING]
ARCHITECTURES = [config.found_as for config in CONFIGS]
PREDICTING = [
    name
    for name in OBJECTIVE_FILES
    if not isinstance(load_objective(name), Fusion)
    and "lm" in load_objective(name).traits.test_heads
    and name != "shuffled_targets"  # its targets are other places' tokens
]


def batch_of(rows: list[list[int]], padding: int) -> Batch:
    width = max(map(len, rows)) + 2 + padding
    input_ids = torch.full((len(rows), width), VOCABULARY.pad_id)
    for out, row in zip(input_ids, rows, strict=True):
        out[: len(row) + 2] = torch.tensor([VOCABULARY.cls_id, *row, VOCABULARY.sep_id])
    lengths = torch.tensor([len(row) + 2 for row in rows])
    return Batch(input_ids, torch.arange(width) < lengths[:, None], torch.arange(len(rows)))


def hidden_changes(objective: Objective, before: Prepared, after: Prepared) -> list[int]:
    """The first place at which a changed target is predicted, where it should be hidden.

    A target is open by design where the rows show it before it is asked for: tokens that MLM
    leaves as they are, and the noisy text of a denoiser.
    """
    assert before.labels is not None
    assert after.labels is not None
    if before.inputs.input_ids.shape != after.inputs.input_ids.shape:
        return []
    labels = (before.labels != after.labels)[0].nonzero().flatten().tolist()
    inputs = (before.inputs.input_ids != after.inputs.input_ids)[0].nonzero().flatten().tolist()
    if not labels:
        return []
    first = labels[0]
    if before.attention.kind == "bidirectional":
        return [] if inputs else [first]
    prefix = before.attention.prefix_lengths
    if prefix is not None and any(place < int(prefix[0]) for place in inputs):
        return []
    return [first]


def states_at(
    objective: Objective, config: BackboneConfig, prepared: Prepared, places: list[int]
) -> Tensor:
    model = build_model(objective, config, VOCABULARY.size, seed=0).eval()
    with torch.no_grad():
        last = model.backbone(prepared.inputs, attention=prepared.attention).last
    return last[0, places]


def leaks(
    objective: Objective,
    row: list[int],
    padding: int,
    place: int,
    seed: int,
    config: BackboneConfig = CONFIG,
) -> int:
    """How many of the checked logits moved: -1 where nothing could be checked."""
    place %= len(row)
    other = [*row]
    other[place] = SPECIAL + (row[place] - SPECIAL + 1 + seed % 150) % (ORDINARY_END - SPECIAL)
    draw = RowRandom(seed, [0, 1])
    company = [SPECIAL, SPECIAL + 1]
    before, after = (
        only(
            objective.prepare(
                batch_of([ids, company], padding), vocabulary=VOCABULARY, draw=draw, moment=Moment()
            )
        )
        for ids in (row, other)
    )
    places = hidden_changes(objective, before, after)
    if not places:
        return -1
    first, second = (states_at(objective, config, p, places) for p in (before, after))
    return int((first != second).any(dim=1).sum())


rows = st.lists(st.integers(SPECIAL, ORDINARY_END - 1), min_size=2, max_size=40)
cases = (rows, st.integers(0, 9), st.integers(0, 100), st.integers(0, 2**31))


@pytest.mark.parametrize("config", CONFIGS, ids=ARCHITECTURES)
@pytest.mark.parametrize("name", PREDICTING)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(*cases)
def test_a_hidden_target_never_moves_what_predicts_it(
    name: str, config: BackboneConfig, row: list[int], padding: int, place: int, seed: int
) -> None:
    assert leaks(load_objective(name), row, padding, place, seed, config) <= 0


@pytest.mark.parametrize("name", PREDICTING)
def test_the_property_checks_something(name: str) -> None:
    if name in ("deletion", "permutation", "rotation"):
        pytest.skip("all that it predicts stands in the noisy text, or moves it")
    assert sum(found >= 0 for found in _sampled(name)) >= 5


def _sampled(name: str) -> list[int]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for seed in range(60):
        row = torch.randint(SPECIAL, ORDINARY_END, (24,), generator=generator).tolist()
        found.append(leaks(load_objective(name), row, 3, 5 + seed % 17, seed))
    return found


def _off_by_one(
    self: Attention, attention_mask: Tensor, window: int | None = None
) -> tuple[Tensor | None, bool]:
    length = attention_mask.shape[1]
    seen = torch.ones(length, length, dtype=torch.bool).tril(1)  # one place too far
    return (seen & attention_mask[:, None, :])[:, None], False


def _prefix_sees_all(
    self: Attention, attention_mask: Tensor, window: int | None = None
) -> tuple[Tensor | None, bool]:
    """Who stands in the prefix sees the target too, and passes it on."""
    seen = self.matrix(attention_mask)
    assert self.prefix_lengths is not None
    place = torch.arange(attention_mask.shape[1])
    in_prefix = place[None, :, None] < self.prefix_lengths[:, None, None]
    return (seen | (in_prefix & attention_mask[:, None, :]))[:, None], False


Mask = Callable[..., tuple[Tensor | None, bool]]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("clm", _off_by_one),
        ("prefix_lm", _off_by_one),
        ("span_corruption", _off_by_one),
        ("prefix_lm", _prefix_sees_all),
        ("span_corruption", _prefix_sees_all),
        ("ul2", _prefix_sees_all),
    ],
)
def test_a_broken_mask_is_caught(name: str, broken: Mask) -> None:
    with patch.object(Attention, "allowed", broken):
        assert any(found > 0 for found in _sampled(name))


def test_tsdae_that_sees_the_noisy_tokens_is_caught() -> None:
    """A changed token of the noisy text reaches the targets through position 0 and nowhere else."""
    objective = load_objective("tsdae")
    batch = batch_of([list(range(SPECIAL, SPECIAL + 30))], 0)
    prepared = only(
        objective.prepare(batch, vocabulary=VOCABULARY, draw=RowRandom(0, [0]), moment=Moment())
    )
    assert prepared.attention.prefix_lengths is not None
    prefix = int(prepared.attention.prefix_lengths[0])

    def seen(attention: Attention) -> Tensor:
        matrix = attention.matrix(prepared.inputs.attention_mask)[0]
        places = prepared.positions
        return matrix[places][:, 1:prefix]

    assert not seen(prepared.attention).any()
    leaky = Attention("prefix", prefix_lengths=prepared.attention.prefix_lengths)
    assert seen(leaky).any()


@pytest.mark.parametrize("kind", ["bidirectional", "causal"])
def test_documents_of_one_row_do_not_see_each_other(kind: str) -> None:
    model = build_model(load_objective("clm"), CONFIG, VOCABULARY.size, seed=0).eval()
    documents = torch.tensor([[0] * 10 + [1] * 12 + [2] * 3])
    row = torch.randint(SPECIAL, ORDINARY_END, (1, 25))
    mask = torch.ones(1, 25, dtype=torch.bool)
    mask[:, 22:] = False

    def moved(attention: Attention) -> Tensor:
        with torch.no_grad():
            states = []
            for change in (0, 1):
                ids = row.clone()
                ids[0, 4] = SPECIAL + (ids[0, 4] - SPECIAL + change) % 200
                batch = Batch(ids, mask, torch.zeros(1, dtype=torch.int64))
                states.append(model.backbone(batch, attention=attention).last[0])
        return (states[0] != states[1]).any(dim=1)

    apart = moved(Attention(kind, document_ids=documents))  # type: ignore[arg-type]
    assert apart[4:10].any()
    assert not apart[10:22].any()
    assert moved(Attention(kind))[10:22].any()  # type: ignore[arg-type]


def test_denoisers_are_among_those_checked() -> None:
    assert sum(isinstance(load_objective(name), Denoising) for name in PREDICTING) >= 7
