"""What objectives that predict tokens share: head, loss at supervised positions, cost."""

from typing import Any

from torch import nn
from typing_extensions import override

from models.config import BackboneConfig
from models.flops import backbone_flops, token_head_flops
from models.heads import TokenHead
from objectives.base import Objective, TrainModel
from objectives.prepared import LossOutput, Prepared, Term


class TokenPrediction(Objective):
    """Predict labelled tokens with the token head `lm`; a subclass says which, in `corrupt`."""

    @override
    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """The token head `lm`."""
        return nn.ModuleDict({"lm": TokenHead(config, vocabulary_size, tied=tied)})

    @override
    def loss(self, model: TrainModel, prepared: Prepared) -> LossOutput:
        """One term over all labelled tokens of the batch, with one global denominator."""
        return token_loss(model, prepared, self.name)

    @override
    def counts(self, prepared: Prepared) -> dict[str, int]:
        return {self.name: len(prepared.targets)}

    @override
    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """One backbone pass over the padded rows, and the token head at every target."""
        rows, length = prepared.inputs.input_ids.shape
        head = token_head_flops(config, vocabulary_size, len(prepared.targets))
        return backbone_flops(config, rows, length, prepared.places) + head


def token_loss(model: TrainModel, prepared: Prepared, name: str) -> LossOutput:
    """-log p(target) at every supervised position, as one term with one denominator.

    The last layer and the vocabulary projection run on the N supervised positions, never on the
    whole (B, T), and the latter chunk by chunk.
    """
    supervised = model.backbone.states_at(
        prepared.places, prepared.inputs, attention=prepared.attention
    )  # (N, D)
    head: Any = model.heads["lm"]
    matrix = model.backbone.token_embedding.weight
    values = head.loss(supervised, matrix, prepared.targets)  # (N,)
    rows = prepared.positions // prepared.inputs.input_ids.shape[1]
    return LossOutput((Term(name, values, rows),))
