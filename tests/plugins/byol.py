"""BYOL (Grill et al. 2020) as a user would write it: a teacher that follows, never trained."""

import copy
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from models.batch import Attention, Batch
from models.flops import backbone_flops, linear_flops
from models.pooling import pool
from objectives.base import Objective, Traits
from objectives.prepared import LossOutput, Prepared, Term


@dataclass(frozen=True, kw_only=True)
class BYOL(Objective):
    """Predict what a slow copy of the model makes of a row under other dropout.

    Attributes:
        momentum: of the teacher at the beginning; it rises to 1 by a cosine.
        dropout: which makes the views.
    """

    TRAITS = Traits(
        family="SD",
        attention="bidirectional",
        quantity="squared distances",
        unit="row",
        supervises="every row, by itself",
        passes=4,
        noisy=True,
        test_heads=("projector", "predictor", "teacher_backbone", "teacher_projector"),
    )

    momentum: float = 0.99
    dropout: float = 0.1

    def build_heads(self, config, vocabulary_size, *, tied=True):
        width = config.hidden_size
        return nn.ModuleDict(
            {
                "projector": nn.Linear(width, width),
                "predictor": nn.Sequential(
                    nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
                ),
                "teacher_backbone": config.build(vocabulary_size),
                "teacher_projector": nn.Linear(width, width),
            }
        )

    def start(self, model):
        for own, theirs in self._followed(model):
            theirs.load_state_dict(copy.deepcopy(own.state_dict()))
            theirs.requires_grad_(False)

    def after_update(self, model, moment, kept):
        rate = (1 - self.momentum) * (math.cos(math.pi * moment.progress) + 1) / 2
        with torch.no_grad():
            for own, theirs in self._followed(model):
                for now, before in zip(own.parameters(), theirs.parameters(), strict=True):
                    before.lerp_(now, rate)

    def _followed(self, model):
        heads = model.heads
        yield model.backbone, heads["teacher_backbone"]
        yield heads["projector"], heads["teacher_projector"]

    def corrupt(self, batch, *, vocabulary, draw, moment):
        twice = Batch(
            batch.input_ids.repeat(2, 1),
            batch.attention_mask.repeat(2, 1),
            batch.row_ids.repeat(2),
        )
        return Prepared.of(twice, Attention("bidirectional"), copies=2)

    def loss(self, model, prepared):
        own = model.heads["projector"](self._pooled(model.backbone, prepared))
        guessed = F.normalize(model.heads["predictor"](own).float(), dim=-1)
        with torch.no_grad():
            pooled = self._pooled(model.heads["teacher_backbone"], prepared)
            wanted = F.normalize(model.heads["teacher_projector"](pooled).float(), dim=-1)
        crossed = torch.cat([wanted[prepared.rows :], wanted[: prepared.rows]])
        distances = (2 - 2 * (guessed * crossed).sum(-1)).view(2, -1).mean(0)  # (B,)
        rows = torch.arange(len(distances), device=distances.device)
        return LossOutput((Term(self.name, distances, rows),))

    def _pooled(self, backbone, prepared):
        output = backbone(prepared.inputs, attention=prepared.attention, dropout=self.dropout)
        return pool(output, prepared.inputs.attention_mask, "mean")

    def counts(self, prepared):
        return {self.name: prepared.rows}

    def forward_flops(self, config, vocabulary_size, prepared):
        return self._own_flops(config, prepared) + self._teacher_flops(config, prepared)

    def training_flops(self, config, vocabulary_size, prepared):
        return 3 * self._own_flops(config, prepared) + self._teacher_flops(config, prepared)

    def _own_flops(self, config, prepared):
        views, width = len(prepared.inputs.input_ids), config.hidden_size
        return self._teacher_flops(config, prepared) + 2 * linear_flops(views, width, width)

    def _teacher_flops(self, config, prepared):
        views, length = prepared.inputs.input_ids.shape
        width = config.hidden_size
        return backbone_flops(config, views, length) + linear_flops(views, width, width)
