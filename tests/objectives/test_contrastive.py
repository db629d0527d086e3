"""Contrastive objectives on several views, and GradCache."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import VOCABULARY, make_batch, only
from objective_files import load_objective
from torch import Tensor
from transformers.models.clip.modeling_clip import image_text_contrastive_loss

from models.config import BackboneConfig
from models.heads import LogitScale
from models.initialization import seed_of
from objectives.base import Moment, TrainModel, build_model
from objectives.clip import clip_loss
from objectives.contrastive import Contrastive
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from objectives.views import texts_of
from runners.checks import made_update
from runners.training.trainer import TrainerConfig
from runners.training.update import UpdateStep

LENGTHS = [12, 9, 30, 5, 2, 17]
BATCH = make_batch(LENGTHS)


def prepared_by(objective: Contrastive, seed: int = 0) -> Prepared:
    draw = RowRandom(seed, BATCH.row_ids)
    return only(objective.prepare(BATCH, vocabulary=VOCABULARY, draw=draw, moment=Moment()))


def contrastive(name: str, **changes: object) -> Contrastive:
    objective = load_objective(name, **changes)
    assert isinstance(objective, Contrastive)
    return objective


def loop(first: Tensor, candidates: Tensor, temperature: float) -> list[float]:
    """InfoNCE in plain Python; the i-th candidate belongs to the i-th row."""
    losses = []
    for i, anchor in enumerate(first.tolist()):
        scores = []
        for other in candidates.tolist():
            dot = sum(x * y for x, y in zip(anchor, other, strict=True))
            norms = math.hypot(*anchor) * math.hypot(*other)
            scores.append(math.exp(dot / norms / temperature))
        losses.append(-math.log(scores[i] / sum(scores)))
    return losses


@pytest.mark.parametrize("hard_negatives", [False, True])
def test_supervised_simcse_takes_the_texts_of_each_row(
    config: BackboneConfig, hard_negatives: bool
) -> None:
    objective = contrastive("simcse_supervised", hard_negatives=hard_negatives)
    prepared, batch = prepared_by(objective), make_batch(LENGTHS)
    with_views = [n for n in LENGTHS if n >= 3]  # a row of two tokens holds no pair
    views = 3 if hard_negatives else 2
    assert prepared.rows == len(with_views)
    texts = texts_of(prepared.inputs)
    assert len(texts) == views * len(with_views)
    whole = [text for text in texts_of(batch) if len(text) >= 3]
    for row, text in enumerate(whole):
        own = [texts[row + view * len(whole)] for view in range(views)]
        joined = [token for part in own for token in part]
        assert joined == text[: len(joined)]
        assert (len(joined) == len(text)) == hard_negatives

    model = build_model(objective, config, VOCABULARY.size, seed=0).eval()
    (term,) = model(objective, prepared).terms
    vectors = objective.embed(model, prepared)
    expected = loop(vectors[: prepared.rows], vectors[prepared.rows :], 0.05)
    assert term.values.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_spans_of_declutr_lie_near_their_anchors(config: BackboneConfig) -> None:
    objective = contrastive("declutr")
    sizes: dict[str, list[float]] = {"anchor": [], "positive": []}
    for seed in range(60):
        prepared = prepared_by(objective, seed)
        texts, whole = texts_of(prepared.inputs), texts_of(make_batch(LENGTHS))
        for row, text in enumerate(whole):
            spans = [texts[row + view * len(whole)] for view in range(3)]
            starts = [[k for k in range(len(text)) if text[k : k + len(s)] == s] for s in spans]
            assert all(starts)
            for start in (1, 2):
                near = [
                    p + len(spans[start]) >= a and p <= a + len(spans[0])
                    for p in starts[start]
                    for a in starts[0]
                ]
                assert any(near)
            if len(text) == 30:
                sizes["anchor"].append(len(spans[0]))
                sizes["positive"] += [len(spans[1]), len(spans[2])]
    assert min(sizes["positive"]) >= 3
    assert max(sizes["anchor"]) <= 15
    mean = {name: sum(found) / len(found) for name, found in sizes.items()}
    assert mean["anchor"] > mean["positive"] + 2

    model = build_model(objective, config, VOCABULARY.size, seed=0).eval()
    prepared = prepared_by(objective)
    (term,) = model(objective, prepared).terms
    vectors, rows = objective.embed(model, prepared), prepared.rows
    expected = loop(vectors[:rows], (vectors[rows : 2 * rows] + vectors[2 * rows :]) / 2, 0.05)
    assert term.values.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_clip_loss_equals_transformers() -> None:
    first, second, scale = torch.randn(7, 5), torch.randn(7, 5), torch.tensor(14.0)
    unit = [torch.nn.functional.normalize(side, dim=-1) for side in (first, second)]
    theirs = image_text_contrastive_loss(unit[0] @ unit[1].T * scale)
    torch.testing.assert_close(clip_loss(first, second, scale).mean(), theirs)


def test_clip_learns_its_temperature_within_bounds(
    config: BackboneConfig, trainer: TrainerConfig
) -> None:
    objective = contrastive("clip")
    model = build_model(objective, config, VOCABULARY.size, seed=0).train()
    scale = model.heads["logit_scale"]
    assert isinstance(scale, LogitScale)
    assert scale().item() == pytest.approx(1 / 0.07)
    step = UpdateStep(model, objective, trainer, seed=0, tokens=1000)
    step(made_update(objective, BATCH, trainer), 1e-2)
    assert scale().item() != pytest.approx(1 / 0.07, rel=1e-4)
    for offset, bound in ((9.0, 100.0), (-9.0, 1.0)):
        with torch.no_grad():
            scale.offset.copy_(torch.tensor(offset))
        objective.after_update(model, Moment(), {})
        assert scale().item() == pytest.approx(bound)


@pytest.mark.parametrize("name", ["simcse", "clip", "declutr"])
@pytest.mark.parametrize("rows", [1, 4, 100])
def test_grad_cache_gives_the_gradient_of_the_large_batch(
    config: BackboneConfig, trainer: TrainerConfig, name: str, rows: int
) -> None:
    """Dropout on: the second pass of each piece replays the first."""
    objective = contrastive(name)
    prepared = prepared_by(objective)
    pieces = prepared.views(rows)

    def direct(model: TrainModel) -> None:
        vectors = []
        for index, piece in enumerate(pieces):
            torch.manual_seed(seed_of("dropout", 0, 0, index))
            vectors.append(objective.embed(model, piece))
        output = objective.contrast(model, torch.cat(vectors), prepared)
        output.total(objective.counts(prepared)).backward()

    def cached(model: TrainModel) -> None:
        own = replace(trainer, micro_batch_rows=rows)
        step = UpdateStep(model, objective, own, seed=0, tokens=1000)
        step.backward(made_update(objective, BATCH, own))

    gradients = []
    for way in (direct, cached):
        model = build_model(objective, config, VOCABULARY.size, seed=0).train()
        way(model)
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for parameter, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][parameter], gradient, atol=1e-6, rtol=1e-5)
