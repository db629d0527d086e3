"""What needs no model and stands in the same tables: uniform, unigram, chance, words."""

import math

import numpy as np

from models.vocabulary import Vocabulary
from objectives.base import Objective
from objectives.prepared import Prepared
from runners.corpora.corpus import Corpus, unigram_distribution
from runners.measures.config import MeasuresConfig
from runners.measures.losses import (
    groups_of,
    held_out,
    loss_metric,
    loss_of,
    per_byte,
    predicts_all_text,
)
from runners.measures.measurement import Measurement
from runners.measures.pairs import NATS
from runners.measures.row_losses import RowLosses, predicts_tokens, text_targets

Baselines = dict[str, dict[str, list[Measurement]]]
"""By name of the simple method, then by measure."""


def loss_baselines(column: Objective, corpus: Corpus, config: MeasuresConfig) -> Baselines:
    """Uniform and unigram losses on the very targets of a column, where it predicts tokens.

    Others have the loss of an even guess, if they say what that is.
    """
    prepared = held_out(column, corpus, config)
    measure = f"loss {column.name}"
    found: Baselines = {}
    if not prepared:
        return found
    if predicts_tokens(column):
        counts = corpus.rows("train").token_counts(corpus.vocabulary.size)
        unigram = -np.log(unigram_distribution(counts, corpus.vocabulary))  # (V,) nats
        uniform = np.full_like(unigram, math.log(len(corpus.vocabulary.ordinary_ids)))
        for name, nats in (("uniform", uniform), ("unigram", unigram)):
            losses = _row_losses(nats, prepared, corpus.vocabulary)
            groups = groups_of(losses, column, corpus) if name == "unigram" else ()
            found[name] = {measure: [loss_of(loss_metric(column), losses, groups)]}
            if predicts_all_text(column, prepared, corpus):
                found[name][measure].append(per_byte(losses, prepared, corpus)[0])
    even = [(chance, item.rows) for item in prepared if (chance := column.chance(item)) is not None]
    if even:
        mean = float(np.average([c for c, _ in even], weights=[rows for _, rows in even]))
        found["uniform"] = {measure: [Measurement(loss_metric(column), mean)]}
    return found


def pair_baselines(config: MeasuresConfig) -> Baselines:
    """An even guess among the candidates."""
    even = Measurement(NATS, math.log(config.candidates))
    return {"uniform": {"loss pairs": [even]}}


def _row_losses(nats: np.ndarray, prepared: list[Prepared], vocabulary: Vocabulary) -> RowLosses:
    sums, counts = [], []
    for item in prepared:
        text = text_targets(item, vocabulary)
        places = (item.positions // item.inputs.input_ids.shape[1]).numpy()[text] % item.rows
        sums.append(np.bincount(places, nats[item.targets.numpy()[text]], minlength=item.rows))
        counts.append(np.bincount(places, minlength=item.rows))
    row_ids = np.concatenate([item.inputs.row_ids.numpy()[: item.rows] for item in prepared])
    return RowLosses(
        names=("tokens",),
        sums=np.concatenate(sums)[None],
        counts=np.concatenate(counts)[None].astype(float),
        weights=np.ones(1),
        row_ids=row_ids,
        end_sums=np.zeros(len(row_ids)),
        end_counts=np.zeros(len(row_ids)),
    )
