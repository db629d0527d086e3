"""Made models, and whether a folder computes what they do: by transformers' own classes alone."""

from pathlib import Path
from typing import Any

import torch
from conftest import VOCABULARY, make_batch
from objective_files import load_objective
from torch import Tensor
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
)

from models.batch import Attention
from models.config import BackboneConfig
from models.exports.source import Roles, Source, load_source
from models.initialization import initialize
from objectives.base import build_model

ROLES = Roles(VOCABULARY.cls_id, VOCABULARY.sep_id, VOCABULARY.pad_id, VOCABULARY.mask_id)
LOADERS = {
    "masked": AutoModelForMaskedLM,
    "causal": AutoModelForCausalLM,
    "prefix": AutoModelForCausalLM,
    "discriminator": AutoModelForPreTraining,
}


def made_states(
    config: BackboneConfig, objective: str, *, size: int, **own: Any
) -> dict[str, Tensor]:
    """Weights as a training saves them."""
    model = build_model(load_objective(objective, **own), config, size, seed=0)
    if config.found_as != "pretrained":
        initialize(model, seed=1, std=0.1)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases and norms that do nothing would hide a wrong name
            parameter.data += 0.1 * torch.randn_like(parameter)
    return {name: value.detach() for name, value in model.state_dict().items()}


def made_source(
    config: BackboneConfig,
    objective: str,
    *,
    size: int = VOCABULARY.size,
    own: dict[str, Any] | None = None,
    **changes: Any,
) -> Source:
    traits = load_objective(objective).traits
    settings = {"attention": traits.attention, "likelihood": traits.likelihood, **changes}
    states = made_states(config, objective, size=size, **(own or {}))
    return load_source(config, states, vocabulary_size=size, roles=ROLES, **settings)


@torch.no_grad()
def assert_equal(source: Source, kind: str, folder: Path, lengths: list[int]) -> None:
    batch = make_batch(lengths)
    real, mask = batch.attention_mask, batch.attention_mask.long()
    last = source.backbone(batch, attention=Attention(source.attention)).last
    theirs = AutoModel.from_pretrained(folder).eval()(batch.input_ids, attention_mask=mask)
    torch.testing.assert_close(theirs.last_hidden_state[real], last[real], atol=1e-5, rtol=0)
    if kind == "body":
        return
    options = {"is_decoder": True} if kind == "prefix" else {}
    model = LOADERS[kind].from_pretrained(folder, **options).eval()
    logits = model(batch.input_ids, attention_mask=mask)
    if kind == "prefix":
        last = source.backbone(batch, attention=Attention("causal")).last
    if kind == "discriminator":
        ours = source.heads["discriminator"](last)
    else:
        ours = source.heads["lm"](last, source.backbone.token_embedding.weight)
    torch.testing.assert_close(logits.logits[real], ours[real], atol=1e-5, rtol=0)
