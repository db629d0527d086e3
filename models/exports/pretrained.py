"""A model that went on from a checkpoint, under its own class again."""

import copy
from typing import Any

import torch
from torch import Tensor

from models.checkpoint import PretrainedBackbone
from models.checkpoint_size import FAMILIES
from models.exports.modern import head_weights
from models.exports.source import ACTIVATIONS, Exported, Kind, Source, fill
from models.heads import TokenHead

EITHER = ("bert", "roberta")
"""Families whose classes read from left to right as well (`is_decoder`)."""

OUTPUT = {
    "bert": ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias"),
    "roberta": ("lm_head.decoder.weight", "lm_head.decoder.bias"),
}
"""Their names of the output matrix and of its bias."""

NO_BIAS = "the output matrix of this family has no bias, and the trained head has one"


def to_own_class(source: Source) -> Exported:
    """The family's own classes, with as many tokens as were trained.

    Raises:
        ValueError: the family has no class that looks as the model was trained to.
    """
    import transformers

    backbone = source.backbone
    assert isinstance(backbone, PretrainedBackbone)
    family, attention = backbone.config.family, source.attention
    own = FAMILIES[family].attention
    if attention != own and not (attention == "causal" and family in EITHER):
        raise ValueError(
            f"the model was trained to read with {attention} attention, and the classes of "
            f"{family} read with {own} attention only; no class of transformers is equal to it"
        )
    kind, left_out = _kind(source)
    theirs = _config(source)
    if kind == "body":
        model: Any = transformers.AutoModel.from_config(  # type: ignore[no-untyped-call]
            theirs,
            dtype=torch.float32,
            **({"add_pooling_layer": False} if family in EITHER else {}),
        )
        return Exported(fill(model, backbone.model.state_dict()), kind, left_out)
    classes: dict[Kind, Any] = {
        "masked": transformers.AutoModelForMaskedLM,
        "causal": transformers.AutoModelForCausalLM,
        "prefix": transformers.AutoModelForCausalLM,
    }
    model = classes[kind].from_config(theirs, dtype=torch.float32)
    body = backbone.model.state_dict()
    weights = {f"{model.base_model_prefix}.{name}": value for name, value in body.items()}
    return Exported(fill(model, weights | _head_weights(source, model)), kind, left_out)


def _kind(source: Source) -> tuple[Kind, dict[str, str]]:
    """What can be held, and the heads that cannot."""
    head, backbone = source.token_head, source.backbone
    assert isinstance(backbone, PretrainedBackbone)
    if head is None or (source.kind == "prefix" and backbone.config.family not in EITHER):
        return "body", source.left_out("body")
    if head.dense is None and head.bias.abs().max() > 0:
        return "body", source.left_out("body") | {"lm": NO_BIAS}
    return source.kind, source.left_out(source.kind)


def _config(source: Source) -> Any:
    """The checkpoint's own, where the training has not changed it."""
    backbone, roles = source.backbone, source.roles
    assert isinstance(backbone, PretrainedBackbone)
    theirs = copy.deepcopy(backbone.model.config)
    family = backbone.config.family
    causal = source.attention == "causal"
    theirs.use_cache = causal
    if family in EITHER:
        theirs.is_decoder = causal
    if family.startswith("modernbert"):  # as our head is
        activation = source.config.activation
        theirs.classifier_activation = ACTIVATIONS.get(activation, activation)
        theirs.classifier_bias = theirs.decoder_bias = True
    if theirs.pad_token_id is None:  # RoBERTa's places are counted by it, so it stays where it is
        theirs.pad_token_id = roles.pad_id
    theirs.bos_token_id, theirs.eos_token_id = roles.cls_id, roles.sep_id
    return theirs


def _head_weights(source: Source, model: Any) -> dict[str, Tensor]:
    backbone, head = source.backbone, source.token_head
    assert isinstance(backbone, PretrainedBackbone)
    assert isinstance(head, TokenHead)
    family, embedding = backbone.config.family, backbone.token_embedding.weight
    if family.startswith("modernbert"):
        return head_weights(
            head,
            embedding,
            decoder=family.endswith("decoder"),
            norm_bias=model.config.norm_bias,
        )
    matrix = embedding if head.decoder is None else head.decoder.weight
    if head.dense is None:
        return {"lm_head.weight": matrix}
    names = FAMILIES[family].token_head
    found = {their: head.get_parameter(own) for own, their in names.items()}
    weight, bias = OUTPUT[family]
    return {**found, weight: matrix, bias: head.bias}
