"""The cross-objective matrix: every model under every objective's loss on the same text.

Each column fixes its attention for all models. A cell is native where the model was trained on
that loss, "other settings" where it was at other values, foreign where only its head fits, and
empty where it never trained such a head. The adapted figure gives every model, native ones too, a
fresh head on the frozen backbone.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from models.initialization import initialize, seed_of
from objectives.base import Moment, Objective, TrainModel
from objectives.prepared import Prepared
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.hardware import autocast
from runners.measures.config import MeasuresConfig
from runners.measures.measurement import Measurement, example_rows
from runners.measures.row_losses import (
    LAST,
    MEASURE_SEED,
    RowLosses,
    measuring_mode,
    predicts_tokens,
    prepare_held_out,
    row_losses,
    text_targets,
)
from runners.measures.text_model import TextModel
from runners.plain import plain
from runners.training.fit import fit

LEAST_LOSS = 0.001
"""A tokenizer that loses less of the text is said to keep it: rows may cut a character."""

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


def loss_metric(column: Objective, name: str = "nats") -> Metric:
    """What a column's losses are counted in."""
    traits = column.traits
    unit = f"{traits.quantity} a {traits.unit}"
    return Metric(name, unit=unit, better="lower", estimator="ratio")


BITS_PER_BYTE = Metric(
    "bits_per_byte", "bits per byte of text", "bits a byte", better="lower", estimator="ratio"
)
END_NATS = Metric(
    "end_nats", "nats of an end token", "nats a token", better="lower", estimator="ratio"
)


def measure_column(
    model: TextModel, column: Objective, config: MeasuresConfig, *, trained_on: Sequence[Objective]
) -> list[Measurement]:
    """One model under one objective's loss.

    Args:
        model: to measure.
        column: the objective, at the values of its YAML.
        config: rows, adaptation.
        trained_on: the objectives that the model was trained on; none if untrained.

    Returns:
        `nats`, the loss as it stands; `term NAME` for each part where it is a sum of several;
        `bits_per_byte` and `end_nats` where all text is predicted from left to right; `own_mask`
        where the model's own attention is not the column's; `adapted`.
    """
    measured = []
    corpus, heads = model.corpus, model.model.heads
    prepared = held_out(column, corpus, config)
    if not prepared:
        return [Measurement(loss_metric(column), None, note=f"no {column.traits.views} held out")]
    traits = column.traits
    if set(traits.test_heads) <= set(heads):
        chosen = nn.ModuleDict({name: heads[name] for name in traits.test_heads})
        train_model = TrainModel(model.model.backbone, chosen).eval()
        losses = _losses(train_model, column, prepared, model)
        groups = groups_of(losses, column, corpus)
        measured.append(
            loss_of(loss_metric(column), losses, groups, native_note(column, trained_on))
        )
        if len(losses.names) > 1:
            parts = [losses.term(index) for index in range(len(losses.names))]
            measured += [
                loss_of(loss_metric(column, f"term {part.names[0]}"), part, groups)
                for part in parts
            ]
        if predicts_all_text(column, prepared, corpus):
            measured += per_byte(losses, prepared, corpus)
        own = model.attention
        if trained_on and traits.likelihood == "pseudo" and own.kind != traits.attention:
            remasked = [replace(item, attention=own) for item in prepared]
            under_own = _losses(train_model, column, remasked, model)
            measured.append(loss_of(loss_metric(column, "own_mask"), under_own, groups, own.kind))
    else:
        measured.append(Measurement(loss_metric(column), None, note="no head"))
    if config.adaptation_steps:
        measured.append(_adapted(model, column, config))
    return measured


def native_note(column: Objective, trained_on: Sequence[Objective]) -> str:
    """Whether a model was trained on a column's loss, at the column's values.

    How it was optimized and what it is called is no part of the loss; of a schedule its end
    counts, where the loss is measured.
    """
    if not trained_on:
        return ""
    alike = [own for own in trained_on if type(own) is type(column)]
    if any(_loss_settings(own) == _loss_settings(column) for own in alike):
        return "native"
    return "other settings" if alike else "foreign"


def _loss_settings(objective: Objective) -> dict[str, Any]:
    apart = ("name", "learning_rate", "rows_per_update", "schedules")
    settings = plain(objective.at(LAST.progress))
    return {name: value for name, value in settings.items() if name not in apart}


def predicts_all_text(column: Objective, prepared: Sequence[Prepared], corpus: Corpus) -> bool:
    """Whether every token of the text is predicted from those before it: a true likelihood."""
    traits = column.traits
    causal = {traits.likelihood, traits.attention, traits.measured_attention or "causal"}
    if causal != {"causal"} or not predicts_tokens(column):
        return False
    predicted = sum(int(text_targets(item, corpus.vocabulary).sum()) for item in prepared)
    rows = np.concatenate([item.inputs.row_ids.numpy()[: item.rows] for item in prepared])
    table = corpus.rows("test").table
    return predicted == int(table["length"][rows % len(table)].sum())


def _losses(
    train_model: TrainModel, column: Objective, prepared: list[Prepared], model: TextModel
) -> RowLosses:
    return row_losses(
        train_model,
        column,
        prepared,
        vocabulary=model.corpus.vocabulary,
        device=model.trainer.device,
    )


def loss_of(
    metric: Metric, losses: RowLosses, groups: Sequence[str] = (), note: str = ""
) -> Measurement:
    """The loss, and where there are groups the rows that an interval over them follows from."""
    if not losses.counts.any():
        return Measurement(metric, None, note="nothing to predict in the held-out rows")
    value, target = losses.ratio()
    rows = example_rows(value, groups, targets=target) if len(set(groups)) > 1 else None
    return Measurement(metric, losses.mean(), note, rows)


def groups_of(losses: RowLosses, column: Objective, corpus: Corpus) -> list[str]:
    """What is independent: the group of a row's document (its module, its book), or the batch
    whose rows were compared with each other.
    """  # noqa: D205
    if not column.traits.additive:
        return [f"batch {index}" for index in range(losses.sums.shape[1])]
    table = corpus.rows("test").table
    documents = table["document"][losses.row_ids % len(table)]
    groups = _document_groups(corpus, "test")
    return [groups[document] for document in documents]


@lru_cache(maxsize=4)
def _document_groups(corpus: Corpus, split: str) -> list[str]:
    return corpus.documents(split)["group"].tolist()


def per_byte(losses: RowLosses, prepared: Sequence[Prepared], corpus: Corpus) -> list[Measurement]:
    """Bits per byte of text, which no tokenizer that keeps all text changes, and the nats of an
    end token apart.
    """  # noqa: D205
    table = corpus.rows("test").table
    rows = np.concatenate([item.inputs.row_ids.numpy()[: item.rows] for item in prepared])
    rows = rows % len(table)
    lost = lost_bytes(corpus, "test", tuple(rows.tolist()))
    note = f"the tokenizer loses {100 * lost:.1f} % of the bytes" if lost >= LEAST_LOSS else ""
    bits = losses.sums.sum() / (math.log(2) * table["num_bytes"][rows].sum())
    return [
        Measurement(BITS_PER_BYTE, float(bits), note),
        Measurement(END_NATS, losses.end_mean()),
    ]


@lru_cache(maxsize=4)
def lost_bytes(corpus: Corpus, split: str, rows: tuple[int, ...]) -> float:
    """The share of the bytes of some rows' documents that decoding does not give back.

    Characters are counted, whatever their order, since a decoder may set spaces of its own.
    """
    documents, texts = corpus.rows(split).table["document"], corpus.documents(split)["text"]
    lost = total = 0
    for document in np.unique(documents[list(rows)]):
        first, last = np.searchsorted(documents, [document, document + 1])
        ids = np.concatenate([corpus.rows(split).tokens(row) for row in range(first, last)])
        left = Counter(texts[document]) - Counter(corpus.tokenizer.decode(ids.tolist()))
        lost += sum(len(character.encode()) * count for character, count in left.items())
        total += len(texts[document].encode())
    return lost / max(total, 1)


def _adapted(model: TextModel, column: Objective, config: MeasuresConfig) -> Measurement:
    """The column's loss with a fresh untied head, trained shortly on the frozen backbone."""
    corpus, backbone, trainer = model.corpus, model.model.backbone, model.trainer
    built = column.build_heads(backbone.config, corpus.vocabulary.size, tied=False)
    heads = nn.ModuleDict({name: built[name] for name in column.traits.test_heads})
    if not heads:
        return Measurement(loss_metric(column, "adapted"), None, note="no head to adapt")
    initialize(heads, seed=MEASURE_SEED, std=backbone.config.initializer_range, prefix="adapted.")
    adapted = TrainModel(backbone, heads.to(trainer.device))
    column.start(adapted)
    for norm in measuring_mode(adapted, column):
        norm.train()  # a fresh head's, which learns its statistics here
    optimizer = trainer.build_for_head(heads, config.adaptation_learning_rate)
    batches = corpus.batches(
        ADAPTATION_SPLIT,
        batch_size=config.adaptation_rows,
        seed=MEASURE_SEED,
        views=column.traits.views,
    )
    chosen = itertools.islice(batches, config.adaptation_steps)
    kept: dict[str, torch.Tensor] = {}

    def losses() -> Iterator[torch.Tensor]:
        for step, prepared in enumerate(prepare_held_out(column, chosen, corpus.vocabulary)):
            torch.manual_seed(seed_of("adapted dropout", MEASURE_SEED, step))
            with autocast(trainer):
                output = adapted(column, prepared.to(trainer.device))
                loss = output.total(column.counts(prepared))
            kept.update(output.kept)
            yield loss

    backbone.requires_grad_(False)
    try:
        fit(
            optimizer,
            heads,
            losses(),
            after=lambda step: column.after_update(adapted, Moment(step), kept),
        )
    finally:  # what is measured after a failure must find the backbone as it was
        backbone.requires_grad_(True)
        adapted.eval()
    found = _losses(adapted, column, held_out(column, corpus, config), model)
    return loss_of(loss_metric(column, "adapted"), found, groups_of(found, column, corpus))
