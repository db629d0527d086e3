"""What needs no model and stands in the same tables: uniform, unigram, chance, words."""

import math
from collections.abc import Mapping

import numpy as np

from objectives.base import Objective
from objectives.contrastive import Contrastive
from objectives.prepared import Prepared
from runners.corpora.corpus import Corpus, unigram_distribution
from runners.evaluation import RowLosses, predicts_tokens
from runners.experiment_config import MeasuresConfig
from runners.losses import held_out, per_byte, predicts_all_text
from runners.probes.base import Measurement, Task

Anchors = dict[str, dict[str, list[Measurement]]]
"""By name of the simple method, then by measure."""


def loss_anchors(column: Objective, corpus: Corpus, config: MeasuresConfig) -> Anchors:
    """Uniform and unigram losses on the very targets of a column, where it predicts tokens.

    A contrastive column has ln(candidates), the loss of an even guess.
    """
    prepared = held_out(column, corpus, config)
    measure = f"loss {column.name}"
    if not prepared:
        return {}
    if isinstance(column, Contrastive):
        even = Measurement("nats", math.log(column.candidates(prepared[0])))
        return {"uniform": {measure: [even]}}
    if not predicts_tokens(column):
        return {}
    counts = corpus.rows("train").token_counts(corpus.vocabulary.size)
    unigram = -np.log(unigram_distribution(counts, corpus.vocabulary))  # (V,) nats
    even_nats = np.full_like(unigram, math.log(len(corpus.vocabulary.ordinary_ids)))
    found: Anchors = {}
    for name, nats in (("uniform", even_nats), ("unigram", unigram)):
        losses = _row_losses(nats, prepared, corpus.vocabulary.sep_id)
        found[name] = {measure: [Measurement("nats", losses.mean())]}
        if predicts_all_text(column):
            found[name][measure].append(per_byte(losses, prepared, corpus)[0])
    return found


def pair_anchors(config: MeasuresConfig) -> Anchors:
    """An even guess among the candidates."""
    even = Measurement("nats", math.log(config.candidates))
    return {"uniform": {"loss pairs": [even]}}


def probe_anchors(tasks: Mapping[str, Task]) -> Anchors:
    """The baselines of every probe."""
    found: Anchors = {}
    for name, task in tasks.items():
        for method, measurements in task.baselines().items():
            found.setdefault(method, {})[f"probe {name}"] = measurements
    return found


def _row_losses(nats: np.ndarray, prepared: list[Prepared], end_id: int) -> RowLosses:
    sums, counts = [], []
    for item in prepared:
        rows, length = item.inputs.input_ids.shape
        text = (item.targets != end_id).numpy()
        places = (item.positions // length).numpy()[text]
        sums.append(np.bincount(places, nats[item.targets.numpy()[text]], minlength=rows))
        counts.append(np.bincount(places, minlength=rows))
    total = sum(map(len, sums))
    return RowLosses(
        np.concatenate(sums)[None],
        np.concatenate(counts)[None].astype(float),
        np.ones(1),
        np.zeros(total),
        np.zeros(total),
    )
