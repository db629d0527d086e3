"""The suite that objectives pass can fail: a broken objective for every check."""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from objective_files import load_objective
from torch import nn

from objectives.clm import CLM
from objectives.mlm import MLM
from objectives.prepared import LossOutput
from runners.checks import CHECKS

COUNTER = itertools.count()


def changed(output: LossOutput, **changes: Any) -> LossOutput:
    return LossOutput(tuple(replace(term, **changes) for term in output.terms))


def scaled(output: LossOutput, factor: float) -> LossOutput:
    return LossOutput(tuple(replace(t, values=t.values * factor) for t in output.terms))


@dataclass(frozen=True, kw_only=True)
class OtherAttention(CLM):
    TRAITS = replace(CLM.TRAITS, attention="bidirectional")


@dataclass(frozen=True, kw_only=True)
class Unchecked(CLM):
    def check_values(self):
        pass


@dataclass(frozen=True, kw_only=True)
class UnusedHead(CLM):
    def build_heads(self, config, vocabulary_size, *, tied=True):
        heads = super().build_heads(config, vocabulary_size, tied=tied)
        heads["unused"] = nn.Linear(2, 2)
        return heads


@dataclass(frozen=True, kw_only=True)
class Teaches(CLM):
    """Nothing: the loss hardly depends on the weights."""

    def loss(self, model, prepared):
        (term,) = super().loss(model, prepared).terms
        return LossOutput((replace(term, values=1 + 1e-6 * term.values),))


@dataclass(frozen=True, kw_only=True)
class Draws(CLM):
    def loss(self, model, prepared):
        return scaled(super().loss(model, prepared), 1 + 0.01 * next(COUNTER))


@dataclass(frozen=True, kw_only=True)
class LooksAround(MLM):
    def corrupt(self, batch, *, vocabulary, draw, moment):
        wider = nn.functional.pad(batch.input_ids, (0, 40), value=vocabulary.pad_id)
        prepared = super().corrupt(batch, vocabulary=vocabulary, draw=draw, moment=moment)
        moved = prepared.inputs.input_ids.roll(wider.shape[1] - 40 - len(batch.input_ids), 1)
        return replace(prepared, inputs=replace(prepared.inputs, input_ids=moved))


@dataclass(frozen=True, kw_only=True)
class NoSum(CLM):
    def loss(self, model, prepared):
        return scaled(super().loss(model, prepared), float(prepared.rows))


@dataclass(frozen=True, kw_only=True)
class Miscounts(CLM):
    def counts(self, prepared):
        return {self.name: len(prepared.targets) + 1}


@dataclass(frozen=True, kw_only=True)
class OtherWhenMeasured(CLM):
    def loss(self, model, prepared):
        (term,) = super().loss(model, prepared).terms
        return LossOutput((replace(term, values=term.values.repeat(2), rows=term.rows.repeat(2)),))


@dataclass(frozen=True, kw_only=True)
class Free(CLM):
    def forward_flops(self, config, vocabulary_size, prepared):
        return super().forward_flops(config, vocabulary_size, prepared) // 2


BROKEN = {
    "its_attention_is_the_one_it_states": (OtherAttention, "the traits say bidirectional"),
    "what_cannot_be_is_refused": (Unchecked, "is taken"),
    "gradients_reach_all_that_is_trained": (UnusedHead, r"no gradient reaches heads\.unused"),
    "twenty_steps_on_one_batch_lower_the_loss": (Teaches, "it went from 1 to 1"),
    "the_same_seed_gives_the_same_loss": (Draws, "the same seed gave two losses"),
    "corruption_depends_on_neither_padding_nor_company": (LooksAround, "another width or other"),
    "micro_batches_give_the_gradient_of_the_whole": (NoSum, "by pieces the gradient of"),
    "counts_are_those_of_the_loss": (Miscounts, "and the loss has"),
    "losses_by_row_sum_to_the_loss": (OtherWhenMeasured, "items were measured, not"),
    "operations_are_counted": (Free, "were said"),
}


def test_there_is_a_broken_one_for_every_check() -> None:
    assert list(BROKEN) == [check.__name__ for check in CHECKS]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_fails(check: Any) -> None:
    kind, message = BROKEN[check.__name__]
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match=message):
        check(kind(name="broken", learning_rate=1e-3, rows_per_update=8))
    check(load_objective("clm"))
