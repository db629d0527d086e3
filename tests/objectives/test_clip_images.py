"""CLIP on pictures and captions."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from conftest import VOCABULARY, make_batch, only
from objective_files import load_objective
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.batch import Attention, Batch
from models.config import BackboneConfig
from models.pooling import mean_pooling
from objectives.base import Moment, Objective, build_model
from objectives.clip import CLIP
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from objectives.weighted_sum import WeightedSum
from runners.checks import made_update
from runners.training.trainer import TrainerConfig
from runners.training.update import UpdateStep


def clip(**settings: object) -> CLIP:
    found = load_objective("clip", patch_size=4, **settings).fitted({"images"})
    assert isinstance(found, CLIP)
    return found


def batch_with_images(lengths: list[int], without: tuple[int, ...] = ()) -> Batch:
    batch = make_batch(lengths)
    generator = torch.Generator().manual_seed(1)
    shape = (len(lengths), 3, 16, 16)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    has_image = torch.tensor([row not in without for row in range(len(lengths))])
    return replace(batch, images=images, has_image=has_image)


def prepare(objective: Objective, batch: Batch, seed: int = 0) -> Prepared:
    draw = RowRandom(seed, batch.row_ids)
    return only(objective.prepare(batch, vocabulary=VOCABULARY, draw=draw, moment=Moment()))


def test_the_modality_is_the_corpuss() -> None:
    plain = load_objective("clip")
    assert plain.fitted({"pairs"}).traits.views == "pairs"
    assert plain.fitted({"pairs", "images"}).traits.views == "images"
    assert load_objective("clip", modality="text").fitted({"images"}).traits.views == "pairs"
    terms = {"clip": plain, "mlm": load_objective("mlm")}
    fused = WeightedSum(
        name="both",
        learning_rate=1e-3,
        rows_per_update=4,
        terms=terms,
        weights=dict.fromkeys(terms, 1.0),
    )
    assert fused.fitted({"images"}).traits.views == "images"


def test_the_loss_is_the_written_out_one(config: BackboneConfig) -> None:
    objective, batch = clip(), batch_with_images([9, 4, 7, 12])
    model = build_model(objective, config, VOCABULARY.size, seed=0).eval()
    found = [
        float(value)
        for value in model(objective, prepare(objective, batch)).terms[0].values.detach()
    ]
    texts, pictures = [], []
    for row in range(4):
        one = batch.select(slice(row, row + 1))
        last = model.backbone(one, attention=Attention()).last
        pooled = mean_pooling(last, one.attention_mask)
        texts.append(F.normalize(model.heads["second_projection"](pooled), dim=1)[0])
        assert one.images is not None
        seen = model.heads["first_projection"](model.heads["image_tower"](one.images))
        pictures.append(F.normalize(seen, dim=1)[0])
    logits = (
        torch.stack([torch.stack([picture @ text for text in texts]) for picture in pictures])
        / 0.07
    )
    for row in range(4):
        expected = -(logits[row].log_softmax(0)[row] + logits[:, row].log_softmax(0)[row]) / 2
        assert found[row] == pytest.approx(float(expected.detach()), abs=1e-5)


def test_rows_without_a_picture_are_left_out(config: BackboneConfig) -> None:
    objective = clip()
    whole = batch_with_images([9, 4, 7, 12], without=(1,))
    few = batch_with_images([9, 4, 7, 12]).select(torch.tensor([0, 2, 3]))
    model = build_model(objective, config, VOCABULARY.size, seed=0).eval()
    losses = [model(objective, prepare(objective, batch)).terms[0].values for batch in (whole, few)]
    assert objective.counts(prepare(objective, whole)) == {"clip": 3}
    torch.testing.assert_close(*losses)


def test_gradients_by_pieces_are_those_of_the_whole(
    config: BackboneConfig, trainer: TrainerConfig
) -> None:
    objective, gradients = clip(), []
    batch = batch_with_images([12, 9, 12, 5, 7])
    config = replace(config, dropout=0.0)
    for rows in (None, 2):
        model = build_model(objective, config, VOCABULARY.size, seed=0).train()
        own = replace(trainer, micro_batch_rows=rows)
        step = UpdateStep(model, objective, own, seed=0, tokens=1000)
        step.backward(made_update(objective, batch, own))
        gradients.append({n: p.grad for n, p in model.named_parameters()})
    for name, gradient in gradients[0].items():
        assert gradient is not None, name
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-6, rtol=1e-4)


def test_operations_are_counted(config: BackboneConfig) -> None:
    objective = clip()
    model = build_model(objective, config, VOCABULARY.size, seed=0)
    prepared = prepare(objective, batch_with_images([20, 11, 3, 20]))
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        model(objective, prepared).total(objective.counts(prepared)).backward()
    ours = objective.training_flops(config, VOCABULARY.size, prepared)
    assert counter.get_total_flops() == pytest.approx(ours, rel=0.01)


@pytest.mark.parametrize("modality", ["image", "text"])
def test_shuffled_views_are_the_same_ones_in_another_order(modality: str) -> None:
    """The control sees the very views that CLIP sees; only who belongs with whom is lost."""
    right, wrong = (
        prepare(
            load_objective(name, modality=modality), batch_with_images([9, 4, 7, 12, 30, 21, 6, 8])
        )
        for name in ("clip", "clip_shuffled")
    )
    rows = right.rows
    if modality == "image":
        assert right.inputs.images is not None
        assert wrong.inputs.images is not None
        first, dealt = right.inputs.images, wrong.inputs.images
        assert torch.equal(right.inputs.input_ids, wrong.inputs.input_ids)
    else:
        first, dealt = right.inputs.input_ids[:rows], wrong.inputs.input_ids[:rows]
        assert torch.equal(right.inputs.input_ids[rows:], wrong.inputs.input_ids[rows:])
    assert not torch.equal(first, dealt)
    as_rows = [sorted(map(tuple, views.flatten(1).tolist())) for views in (first, dealt)]
    assert as_rows[0] == as_rows[1]


def test_a_modality_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="known: auto, text, image"):
        load_objective("clip", modality="video")
