"""The architecture `modern` as ModernBERT's classes, and causal as those of its decoder."""

from typing import Any

import torch
from torch import Tensor

from models.backbone import Backbone
from models.backbones.modern import ModernConfig
from models.exports.source import ACTIVATIONS, Exported, Kind, Source, fill
from models.heads import TokenHead

ADDED = ("query_key_norm", "value_residual")
"""Settings of ours that ModernBERT has nothing equal to."""


def to_modern_bert(source: Source) -> Exported:
    """ModernBERT is this architecture, windows and rotary bases included.

    Raises:
        ValueError: a setting has no equal there.
    """
    import transformers

    config, backbone = source.config, source.backbone
    assert isinstance(config, ModernConfig)
    assert isinstance(backbone, Backbone)
    for name in ADDED:
        if getattr(config, name):
            raise ValueError(
                f"model.{name} is on, and ModernBERT's classes have nothing that is equal to it; "
                "only models trained without it can be exported"
            )
    kind: Kind = "body" if source.kind in ("discriminator", "prefix") else source.kind
    left_out = source.left_out(kind)
    decoder = source.attention == "causal"
    settings = modern_bert_settings(source)
    if decoder:
        theirs: Any = transformers.ModernBertDecoderConfig(**settings)
        weights = body_weights(backbone, decoder=True)
        if kind == "body":
            return Exported(
                fill(transformers.ModernBertDecoderModel(theirs), weights), kind, left_out
            )
        model: Any = transformers.ModernBertDecoderForCausalLM(theirs)
    else:
        theirs = transformers.ModernBertConfig(**settings)
        weights = body_weights(backbone, decoder=False)
        if kind == "body":
            return Exported(fill(transformers.ModernBertModel(theirs), weights), kind, left_out)
        model = transformers.ModernBertForMaskedLM(theirs)
    weights = {f"model.{name}": value for name, value in weights.items()}
    head = source.token_head
    assert head is not None
    weights |= head_weights(head, backbone.token_embedding.weight, decoder=decoder)
    return Exported(fill(model, weights), kind, left_out)


def modern_bert_settings(source: Source) -> dict[str, Any]:
    """What the configurations of ModernBERT and of its decoder both say."""
    config, roles = source.config, source.roles
    assert isinstance(config, ModernConfig)
    activation = ACTIVATIONS.get(config.activation, config.activation)
    bases = {"full_attention": config.full_base, "sliding_attention": config.sliding_base}
    return {
        "vocab_size": source.vocabulary_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "intermediate_size": config.intermediate_size,
        "hidden_activation": activation,
        "classifier_activation": activation,
        "classifier_bias": True,  # of the token head's dense layer
        "max_position_embeddings": config.max_length,
        "norm_eps": config.layer_norm_eps,
        "initializer_range": config.initializer_range,
        "embedding_dropout": config.dropout,
        "mlp_dropout": config.dropout,
        "attention_dropout": config.attention_dropout,
        "local_attention": 2 * config.sliding_window,
        "layer_types": [f"{kind}_attention" for kind in config.layer_kinds],
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": base} for kind, base in bases.items()
        },
        "pad_token_id": roles.pad_id,
        "bos_token_id": roles.cls_id,
        "eos_token_id": roles.sep_id,
        "cls_token_id": roles.cls_id,
        "sep_token_id": roles.sep_id,
    }


def body_weights(backbone: Backbone, *, decoder: bool) -> dict[str, Tensor]:
    """Every parameter of ModernBertModel, or of ModernBertDecoderModel.

    Args:
        backbone: of the architecture `modern`.
        decoder: whose queries, keys and values are three matrices.
    """
    embedding_norm: Any = backbone.embedding_norm
    final_norm: Any = backbone.final_norm
    found: dict[str, Tensor] = {
        "embeddings.tok_embeddings.weight": backbone.token_embedding.weight,
        "embeddings.norm.weight": embedding_norm.weight,
        "final_norm.weight": final_norm.weight,
    }
    blocks: Any = backbone.blocks
    for index, block in enumerate(blocks):
        layer = f"layers.{index}."
        joint = block.attention.query_key_value.weight  # (3D, D)
        if decoder:
            for name, part in zip("qkv", joint.chunk(3), strict=True):
                found[f"{layer}attn.{name}_proj.weight"] = part
        else:
            found[f"{layer}attn.Wqkv.weight"] = joint
        if index:  # the first block has no norm of its own
            found[f"{layer}attn_norm.weight"] = block.attention_norm.weight
        found |= {
            f"{layer}attn.Wo.weight": block.attention.output.weight,
            f"{layer}mlp_norm.weight": block.up_norm.weight,
            f"{layer}mlp.Wi.weight": block.up.weight,
            f"{layer}mlp.Wo.weight": block.down.weight,
        }
    return found


@torch.no_grad()
def head_weights(
    head: TokenHead, embedding: Tensor, *, decoder: bool, norm_bias: bool = False
) -> dict[str, Tensor]:
    """Our token head under the names of ModernBERT's.

    Their norm has no bias. Ours, b, gives every token the same logit wherever it is read, E b with
    the output matrix E, so that it becomes part of the output's bias.

    Args:
        head: with a dense layer and a norm.
        embedding: (V, D).
        decoder: whose head is called otherwise.
        norm_bias: whether their norms have one.
    """
    assert head.dense is not None
    assert head.norm is not None
    matrix = embedding if head.decoder is None else head.decoder.weight
    prefix = "lm_head" if decoder else "head"
    found = {
        f"{prefix}.dense.weight": head.dense.weight,
        f"{prefix}.dense.bias": head.dense.bias,
        f"{prefix}.norm.weight": head.norm.weight,
        "decoder.weight": matrix,
        "decoder.bias": head.bias,
    }
    if norm_bias:
        return {**found, f"{prefix}.norm.bias": head.norm.bias}
    moved = head.bias.double() + matrix.double() @ head.norm.bias.double()  # (V,)
    return {**found, "decoder.bias": moved.to(head.bias.dtype)}
