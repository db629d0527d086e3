"""The cross-objective matrix: every model under every objective's loss on the same text.

Each column fixes its attention for all models. A cell is native where the model was trained on
that loss, foreign where only its head fits, and empty where it never trained such a head. The
adapted figure gives every model, native ones too, a fresh head on the frozen backbone.
"""

import itertools
import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from torch import nn

from models.initialization import initialize
from objectives.base import Objective, TrainModel
from objectives.prepared import Prepared
from runners.corpora.corpus import Corpus
from runners.evaluation import MEASURE_SEED, RowLosses, prepare_held_out, row_losses
from runners.experiment_config import MeasuresConfig
from runners.hardware import autocast
from runners.pretrained import Pretrained
from runners.probes.base import Measurement, example_rows
from runners.trainer import build_optimizer

ADAPTATION_SPLIT = "train"
"""Fresh heads learn on training text, in the order of MEASURE_SEED, the same for every model."""


def held_out(
    column: Objective, corpus: Corpus, config: MeasuresConfig, split: str = "test"
) -> list[Prepared]:
    """The rows that every model is measured on, corrupted once and alike for all.

    They come in batches of `config.candidates`, so that contrastive losses, whose size depends
    on the batch, are comparable as well.
    """
    views = column.traits.views
    held = (int(corpus.usable(s, views).sum()) for s in {split, ADAPTATION_SPLIT})
    available = min(held)
    size = min(config.candidates, available)
    if size < 2:
        return []
    batches = corpus.batches(split, batch_size=size, seed=MEASURE_SEED, views=views)
    chosen = itertools.islice(batches, max(1, min(config.rows, available) // size))
    return list(prepare_held_out(column, chosen, corpus.vocabulary))


def measure_column(
    model: Pretrained, column: Objective, config: MeasuresConfig, *, trained_on: Collection[str]
) -> list[Measurement]:
    """One model under one objective's loss.

    Args:
        model: to measure.
        column: the objective, at the values of its YAML.
        config: rows, adaptation.
        trained_on: names of the objectives that the model was trained on; none if untrained.

    Returns:
        `nats` as it stands; `bits_per_byte` and `end_nats` where text is predicted from left to
        right; `own_mask` where the model's own attention is not the column's; `adapted`.
    """
    measured = []
    corpus, heads = model.corpus, model.model.heads
    if not held_out(column, corpus, config):
        return [Measurement("nats", None, note=f"no {column.traits.views} held out")]
    traits = column.traits
    fits = set(traits.test_heads) <= set(heads)
    if fits:
        chosen = nn.ModuleDict({name: heads[name] for name in traits.test_heads})
        train_model = TrainModel(model.model.backbone, chosen, column).eval()
        prepared = held_out(column, corpus, config)
        losses = _losses(train_model, prepared, model)
        native = "native" if column.name in trained_on else "foreign"
        measured.append(_measurement("nats", losses, native if trained_on else ""))
        if predicts_all_text(column):
            measured += per_byte(losses, prepared, corpus)
        own = model.attention
        fixed = traits.attention
        if trained_on and traits.likelihood == "pseudo" and own.kind != fixed:
            remasked = [replace(item, attention=own) for item in prepared]
            measured.append(
                _measurement("own_mask", _losses(train_model, remasked, model), own.kind)
            )
    else:
        measured.append(Measurement("nats", None, note="no head"))
    if config.adaptation_steps:
        measured.append(_adapted(model, column, config))
    return measured


def predicts_all_text(column: Objective) -> bool:
    """Whether every token of the text is predicted from those before it: a true likelihood."""
    return column.traits.likelihood == "causal" and column.traits.attention == "causal"


def _losses(train_model: TrainModel, prepared: list[Prepared], model: Pretrained) -> RowLosses:
    end_id = model.corpus.vocabulary.sep_id
    return row_losses(train_model, prepared, end_id=end_id, device=model.trainer.device)


def _measurement(metric: str, losses: RowLosses, note: str = "") -> Measurement:
    """The loss, with a row for each held-out row.

    Resampling rows resamples numerator and denominator: `value` is the row's share of the mean,
    `target` its share of the items.
    """
    counts = losses.counts.sum(1, keepdims=True)
    value = (losses.weights[:, None] * losses.sums / np.maximum(counts, 1)).sum(0)
    share = (losses.counts / np.maximum(counts, 1)).mean(0)
    rows = example_rows(value, [str(i) for i in range(len(value))], targets=share)
    return Measurement(metric, losses.mean(), note, rows)


def per_byte(losses: RowLosses, prepared: list[Prepared], corpus: Corpus) -> list[Measurement]:
    """Bits per byte of text, which no tokenizer changes, and the nats of an end token apart."""
    rows = corpus.rows("test")
    ids = np.concatenate([item.inputs.row_ids.numpy() for item in prepared]) % len(rows)
    num_bytes = int(rows.table["num_bytes"][ids].sum())
    return [
        Measurement("bits_per_byte", float(losses.sums.sum() / (math.log(2) * num_bytes))),
        Measurement("end_nats", losses.end_mean()),
    ]


def _adapted(model: Pretrained, column: Objective, config: MeasuresConfig) -> Measurement:
    """The column's loss with a fresh untied head, trained shortly on the frozen backbone."""
    corpus, backbone, trainer = model.corpus, model.model.backbone, model.trainer
    built = column.build_heads(backbone.config, corpus.vocabulary.size, tied=False)
    heads = nn.ModuleDict({name: built[name] for name in column.traits.test_heads})
    if not heads:
        return Measurement("adapted", None, note="no head to adapt")
    initialize(heads, seed=MEASURE_SEED, std=backbone.config.initializer_range, prefix="adapted.")
    adapted = TrainModel(backbone, heads.to(trainer.device), column).eval()
    optimizer = build_optimizer(heads, trainer, config.adaptation_learning_rate)
    batches = corpus.batches(
        ADAPTATION_SPLIT,
        batch_size=config.adaptation_rows,
        seed=MEASURE_SEED,
        views=column.traits.views,
    )
    chosen = itertools.islice(batches, config.adaptation_steps)
    backbone.requires_grad_(False)
    for prepared in prepare_held_out(column, chosen, corpus.vocabulary):
        with autocast(trainer):
            loss = adapted(prepared.to(trainer.device)).total(column.counts(prepared))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    backbone.requires_grad_(True)
    return _measurement("adapted", _losses(adapted, held_out(column, corpus, config), model))
