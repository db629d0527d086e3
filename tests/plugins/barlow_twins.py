"""Barlow Twins (Zbontar et al. 2021) as a user would write it: rows are compared, but it is no
InfoNCE, no sum over rows, not in nats, and of a family of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from models.batch import Attention, Batch
from models.flops import backbone_flops, linear_flops
from models.pooling import pool
from objectives.base import Objective, Traits
from objectives.prepared import LossOutput, Prepared, Term


@dataclass(frozen=True, kw_only=True)
class BarlowTwins(Objective):
    """Make two dropout passes of a row agree, feature by feature, and features unlike each other.

    Attributes:
        redundancy: weight of what features share.
        features: of a row, D.
    """

    TRAITS = Traits(
        family="SD",
        attention="bidirectional",
        quantity="squared correlations",
        unit="pair of features",
        supervises="features of all rows together",
        additive=False,
        passes=2,
        noisy=True,
        test_heads=("projector",),
    )

    redundancy: float = 0.005
    features: int = 32

    def build_heads(self, config, vocabulary_size, *, tied=True):
        width, features = config.hidden_size, self.features
        layers = (
            nn.Linear(width, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, features),
        )
        return nn.ModuleDict({"projector": nn.Sequential(*layers)})

    def corrupt(self, batch, *, vocabulary, draw, moment):
        twice = Batch(
            batch.input_ids.repeat(2, 1),
            batch.attention_mask.repeat(2, 1),
            batch.row_ids.repeat(2),
        )
        return Prepared.of(twice, Attention("bidirectional"), copies=2)

    def loss(self, model, prepared):
        output = model.backbone(prepared.inputs, attention=prepared.attention, dropout=0.1)
        pooled = pool(output, prepared.inputs.attention_mask, "mean").float()
        first, second = model.heads["projector"](pooled).float().chunk(2)
        first, second = (
            (view - view.mean(0)) / (view.std(0, correction=0) + 1e-5) for view in (first, second)
        )
        correlation = first.T @ second / len(first)  # (D, D)
        same = torch.eye(len(correlation), device=correlation.device)
        weight = same + self.redundancy * (1 - same)
        values = (weight * (correlation - same) ** 2).flatten()
        return LossOutput((Term(self.name, values),))  # no item belongs to one row

    def counts(self, prepared):
        return {self.name: self.features**2}

    def forward_flops(self, config, vocabulary_size, prepared):
        rows, length = prepared.inputs.input_ids.shape
        head = linear_flops(rows, config.hidden_size, config.hidden_size + self.features)
        alike = linear_flops(prepared.rows, self.features, self.features)
        return backbone_flops(config, rows, length) + head + alike
