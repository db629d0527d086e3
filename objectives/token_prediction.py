"""What objectives that predict tokens share: the loss at supervised positions, and its cost."""

import torch.nn.functional as F

from models.backbone import BackboneConfig
from models.flops import backbone_flops, token_head_flops
from objectives.base import LossOutput, Prepared, Term, TrainModel


def token_loss(model: TrainModel, prepared: Prepared, name: str) -> LossOutput:
    """-log p(target) at every supervised position, as one term with one denominator.

    The vocabulary projection runs on the N supervised positions, never on the whole (B, T).
    """
    hidden = model.backbone(prepared.inputs, attention=prepared.attention).last  # (B, T, D)
    supervised = hidden.flatten(0, 1)[prepared.positions]  # (N, D)
    logits = model.heads["lm"](supervised, model.backbone.token_embedding.weight)  # (N, V)
    values = F.cross_entropy(logits.float(), prepared.targets, reduction="none")  # (N,)
    rows = prepared.positions // prepared.inputs.input_ids.shape[1]
    return LossOutput((Term(name, values, rows),))


def token_forward_flops(config: BackboneConfig, vocabulary_size: int, prepared: Prepared) -> int:
    """One backbone pass over the padded rows, and the token head at every target."""
    rows, length = prepared.inputs.input_ids.shape
    head = token_head_flops(config, vocabulary_size, len(prepared.targets))
    return backbone_flops(config, rows, length) + head
