"""What `compare new objective` writes: a small real objective, its YAML and its test."""

MODULE = '''\
"""Foretell the hidden tokens of a row from the one vector of the row: a template to change.

It hides tokens as BERT does, and foretells them in no order, as PV-DBOW foretells the words of a
paragraph from the paragraph's vector (Le & Mikolov 2014).
"""

from dataclasses import dataclass

from torch import Tensor, nn

from models.batch import Attention, Batch
from models.config import BackboneConfig
from models.flops import backbone_flops, linear_flops
from models.pooling import pool
from models.vocabulary import Vocabulary
from objectives.base import Moment, Objective, TrainModel, Traits
from objectives.masking import check_probability, choose_masked, replace_masked
from objectives.prepared import IGNORE_INDEX, LossOutput, Prepared, Term
from objectives.randomness import RowRandom


@dataclass(frozen=True, kw_only=True)
class CLASS(Objective):
    """Foretell the hidden tokens of a row from its vector: mean of -log p(token | row).

    Attributes:
        hidden_share: of the tokens, in (0, 1).
    """

    TRAITS = Traits(
        family="bag",
        attention="bidirectional",
        unit="hidden token",
        supervises="the hidden tokens, from the vector of their row",
        pooling="mean",
        test_heads=("bag",),
    )

    hidden_share: float = 0.3

    def check_values(self) -> None:
        """Refuse what cannot be, and say what would be right."""
        super().check_values()
        check_probability("hidden_share", self.hidden_share)

    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """A linear layer from the vector of a row to every token."""
        return nn.ModuleDict({"bag": nn.Linear(config.hidden_size, vocabulary_size)})

    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """Hide tokens behind `[MASK]`; whatever is random comes from `draw`."""
        hidden = choose_masked(batch, vocabulary, draw, probability=self.hidden_share)  # (B, T)
        input_ids = replace_masked(batch, hidden, vocabulary, draw)
        labels = batch.input_ids.masked_fill(~hidden, IGNORE_INDEX)
        inputs = Batch(input_ids, batch.attention_mask, batch.row_ids)
        return Prepared.of(inputs, Attention("bidirectional"), labels)

    def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
        """Tensor work only: one term, with a value for each of the N hidden tokens."""
        output = model.backbone(prepared.inputs, attention=prepared.attention)
        vectors = pool(output, prepared.inputs.attention_mask, "mean")  # (B, D)
        logits = model.heads["bag"](vectors).float()  # (B, V)
        rows = prepared.positions // prepared.inputs.input_ids.shape[1]  # (N,)
        values = bag_loss(logits, rows, prepared.targets)
        return LossOutput((Term(self.name, values, rows),))

    def counts(self, prepared: Prepared) -> dict[str, int]:
        """Hidden tokens, known before the loss is computed."""
        return {self.name: len(prepared.targets)}

    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """One backbone pass over the padded rows, and the head once a row."""
        rows, length = prepared.inputs.input_ids.shape
        head = linear_flops(rows, config.hidden_size, vocabulary_size)
        return backbone_flops(config, rows, length) + head


def bag_loss(logits: Tensor, rows: Tensor, tokens: Tensor) -> Tensor:
    """(N,) float32, -log p of each token given its row.

    Args:
        logits: (B, V) float32, of every token given each row.
        rows: (N,) int64, the row of each token.
        tokens: (N,) int64.
    """
    log_p = logits.log_softmax(-1)  # (B, V)
    return -log_p[rows, tokens]
'''

YAML = """\
# Foretell the hidden tokens of a row from the one vector of the row. A template to change.
name: NAME
learning_rate: 1.0e-3 # not tuned
rows_per_update: 16 # not tuned
hidden_share: 0.3 # not tuned
"""

TEST = '''\
"""NAME.py: its loss against a plain loop, and what must hold of every objective."""

import math
import sys
from pathlib import Path

import pytest
import torch
import yaml

from runners.checks import CHECKS
from runners.configuration.read import objective

FOLDER = Path(__file__).parent
VALUES = yaml.safe_load((FOLDER / "objective" / "NAME.yaml").read_text())
OBJECTIVE = objective(VALUES, [FOLDER / "NAME.py"], "objective")
MODULE = sys.modules[type(OBJECTIVE).__module__]


def test_the_loss_is_that_of_a_plain_loop():
    torch.manual_seed(0)
    logits = torch.randn(3, 7)
    rows, tokens = torch.tensor([0, 0, 2]), torch.tensor([4, 6, 4])
    expected = []
    for row, token in zip(rows.tolist(), tokens.tolist(), strict=True):
        exponentials = [math.exp(value) for value in logits[row].tolist()]
        expected.append(-math.log(exponentials[token] / sum(exponentials)))
    torch.testing.assert_close(MODULE.bag_loss(logits, rows, tokens), torch.tensor(expected))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_holds_of_every_objective_holds_of_it(check):
    torch.manual_seed(0)
    check(OBJECTIVE)
'''
