"""Sentence order (Lan et al. 2020) as a user would write it: one label a row, chance is ln 2."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from models.batch import Attention
from models.flops import backbone_flops, linear_flops
from objectives.base import Objective, Traits
from objectives.prepared import IGNORE_INDEX, LossOutput, Prepared, Term
from objectives.views import natural_views, pad


@dataclass(frozen=True, kw_only=True)
class SentenceOrder(Objective):
    """Tell whether the two texts of a row stand in their order or were swapped."""

    TRAITS = Traits(
        family="order",
        attention="bidirectional",
        unit="row",
        supervises="[CLS] of every row",
        pooling="cls",
        test_heads=("order",),
        views="pairs",
    )

    def build_heads(self, config, vocabulary_size, *, tied=True):
        return nn.ModuleDict({"order": nn.Linear(config.hidden_size, 2)})

    def corrupt(self, batch, *, vocabulary, draw, moment):
        (first, second), row_ids = natural_views(batch, 2)
        kept = torch.isin(batch.row_ids, row_ids)
        swapped = draw.uniform("order", 1)[kept, 0] < 0.5
        rows = [
            [vocabulary.cls_id, *(b + a if swap else a + b), vocabulary.sep_id]
            for a, b, swap in zip(first, second, swapped.tolist(), strict=True)
        ]
        inputs = pad(rows, row_ids, vocabulary)
        labels = torch.full_like(inputs.input_ids, IGNORE_INDEX)
        labels[:, 0] = swapped.long()
        return Prepared.of(inputs, Attention("bidirectional"), labels)

    def loss(self, model, prepared):
        hidden = model.backbone(prepared.inputs, attention=prepared.attention).last[:, 0]
        logits = model.heads["order"](hidden).float()
        values = F.cross_entropy(logits, prepared.targets, reduction="none")
        rows = torch.arange(len(values), device=values.device)
        return LossOutput((Term(self.name, values, rows),))

    def counts(self, prepared):
        return {self.name: prepared.rows}

    def chance(self, prepared):
        return math.log(2)

    def forward_flops(self, config, vocabulary_size, prepared):
        rows, length = prepared.inputs.input_ids.shape
        head = linear_flops(rows, config.hidden_size, 2)
        return backbone_flops(config, rows, length) + head
