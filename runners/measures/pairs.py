"""The contrastive cell of the loss matrix: InfoNCE over natural pairs of the corpus."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from models.initialization import initialize
from objectives.contrastive import info_nce
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.corpora.prose import NaturalPairs, natural_pairs
from runners.measures.config import MeasuresConfig
from runners.measures.losses import ADAPTATION_SPLIT
from runners.measures.measurement import Measurement, example_rows
from runners.measures.row_losses import MEASURE_SEED
from runners.measures.text_model import TextModel
from runners.training.fit import fit

NATS = Metric("nats", unit="nats a pair", better="lower", estimator="ratio")


def natural_pair_splits(
    corpus: Corpus, config: MeasuresConfig
) -> tuple[NaturalPairs, NaturalPairs] | None:
    """Pairs to adapt on and pairs to measure on, or None where the corpus has too few."""
    measured = _pairs(corpus, "test", config.pairs)
    learned = _pairs(corpus, ADAPTATION_SPLIT, 2 * config.pairs)
    if min(len(measured), len(learned)) < config.candidates:
        return None
    return learned, measured


@lru_cache(maxsize=4)  # every job of a corpus asks for them
def _pairs(corpus: Corpus, split: str, limit: int) -> NaturalPairs:
    return natural_pairs(corpus.documents(split), limit=limit)


def measure_pairs(
    model: TextModel, splits: tuple[NaturalPairs, NaturalPairs], config: MeasuresConfig
) -> list[Measurement]:
    """InfoNCE from summary to body at a fixed number of candidates: the contrastive cell.

    Two dropout views of one text are told apart before any training; two texts that belong
    together are not. Vectors are pooled under the model's own attention, without a head;
    `adapted` puts a linear layer on the frozen vectors.
    """
    learned, measured = (
        (
            torch.from_numpy(model.embed(pairs.summaries)),
            torch.from_numpy(model.embed(pairs.bodies)),
        )
        for pairs in splits
    )
    found = [_pair_loss(NATS, *measured, config)]
    if config.adaptation_steps:
        width = model.model.backbone.config.hidden_size
        layer = nn.Linear(width, width, bias=False)
        initialize(layer, seed=MEASURE_SEED, std=width**-0.5, prefix="adapted.pairs.")
        optimizer = model.trainer.build_for_head(layer, config.adaptation_learning_rate)
        generator = np.random.default_rng(MEASURE_SEED)

        def losses() -> Iterator[torch.Tensor]:
            for _ in range(config.adaptation_steps):
                chosen = generator.choice(len(learned[0]), config.candidates, replace=False)
                first, second = (layer(side[chosen]) for side in learned)
                yield info_nce(first, second, config.temperature).mean()

        fit(optimizer, layer, losses())
        with torch.no_grad():
            first, second = (layer(side) for side in measured)
        found.append(_pair_loss(replace(NATS, name="adapted"), first, second, config))
    return found


def _pair_loss(
    metric: Metric,
    summaries: torch.Tensor,
    bodies: torch.Tensor,
    config: MeasuresConfig,
) -> Measurement:
    """Mean InfoNCE over blocks of `candidates` pairs; a rest that fills no block is left out.

    Pairs of a block are compared with each other, so that only blocks are independent.
    """
    size = config.candidates
    starts = range(0, len(summaries) - size + 1, size)
    values = np.concatenate(
        [
            info_nce(summaries[i : i + size], bodies[i : i + size], config.temperature).numpy()
            for i in starts
        ]
    )
    blocks = [f"block {index // size}" for index in range(len(values))]
    rows = example_rows(values, blocks) if len(starts) > 1 else None
    return Measurement(metric, float(values.mean()), examples=rows)
