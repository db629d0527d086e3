"""The architecture `vanilla` as BERT's classes, and with a discriminator as ELECTRA's."""

from typing import Any

import torch
from torch import Tensor

from models.backbone import Backbone
from models.exports.source import ACTIVATIONS, Exported, Source, fill
from models.heads import Discriminator

_PREDICTIONS = "cls.predictions"


def to_bert(source: Source) -> Exported:
    """BERT is this layer; causal models are its decoder (`is_decoder`).

    A model of the kind `prefix` is BERT, and its decoder where it is loaded with `is_decoder=True`.
    """
    import transformers

    kind, backbone = source.kind, source.backbone
    assert isinstance(backbone, Backbone)
    sizes = bert_sizes(source)
    if kind == "discriminator":
        width = source.config.hidden_size
        electra = transformers.ElectraConfig(**sizes, embedding_size=width)
        model: Any = transformers.ElectraForPreTraining(electra)
        weights = body_weights(backbone, "electra.") | _discriminator_weights(source)
        return Exported(fill(model, weights), kind, source.left_out(kind))
    config = transformers.BertConfig(**sizes, is_decoder=source.attention == "causal")
    if kind == "body":
        model = transformers.BertModel(config, add_pooling_layer=False)
        return Exported(fill(model, body_weights(backbone, "")), kind, source.left_out(kind))
    masked = kind == "masked"
    model = (transformers.BertForMaskedLM if masked else transformers.BertLMHeadModel)(config)
    weights = body_weights(backbone, "bert.") | _token_head_weights(source)
    return Exported(fill(model, weights), kind, source.left_out(kind))


def bert_sizes(source: Source) -> dict[str, Any]:
    """What the configurations of BERT and ELECTRA both say."""
    config, roles = source.config, source.roles
    return {
        "vocab_size": source.vocabulary_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "intermediate_size": config.intermediate_size,
        "hidden_act": ACTIVATIONS.get(config.activation, config.activation),
        "max_position_embeddings": config.max_length,
        "type_vocab_size": 2,
        "layer_norm_eps": config.layer_norm_eps,
        "initializer_range": config.initializer_range,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.attention_dropout,
        "pad_token_id": roles.pad_id,
        "bos_token_id": roles.cls_id,
        "eos_token_id": roles.sep_id,
    }


def body_weights(backbone: Backbone, prefix: str) -> dict[str, Tensor]:
    """Every parameter of BertModel or ElectraModel; token types, which we have none of, are 0.

    Args:
        backbone: of the architecture `vanilla`.
        prefix: of their names.
    """
    width, positions = backbone.config.hidden_size, backbone.position_embedding
    assert positions is not None
    modules: dict[str, Any] = {"embeddings.LayerNorm": backbone.embedding_norm}
    found = {
        "embeddings.word_embeddings.weight": backbone.token_embedding.weight,
        "embeddings.position_embeddings.weight": positions.weight,
        "embeddings.token_type_embeddings.weight": torch.zeros(2, width),
    }
    blocks: Any = backbone.blocks
    for index, block in enumerate(blocks):
        layer = f"encoder.layer.{index}."
        joint = block.attention.query_key_value  # (3D, D)
        for name, weight, bias in zip(
            ("query", "key", "value"), joint.weight.chunk(3), joint.bias.chunk(3), strict=True
        ):
            found[f"{layer}attention.self.{name}.weight"] = weight
            found[f"{layer}attention.self.{name}.bias"] = bias
        modules |= {
            f"{layer}attention.output.dense": block.attention.output,
            f"{layer}attention.output.LayerNorm": block.attention_norm,
            f"{layer}intermediate.dense": block.up,
            f"{layer}output.dense": block.down,
            f"{layer}output.LayerNorm": block.output_norm,
        }
    for name, module in modules.items():
        found |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    return {prefix + name: value for name, value in found.items()}


def _token_head_weights(source: Source) -> dict[str, Tensor]:
    head = source.token_head
    assert head is not None
    assert head.dense is not None
    assert head.norm is not None
    return {
        f"{_PREDICTIONS}.transform.dense.weight": head.dense.weight,
        f"{_PREDICTIONS}.transform.dense.bias": head.dense.bias,
        f"{_PREDICTIONS}.transform.LayerNorm.weight": head.norm.weight,
        f"{_PREDICTIONS}.transform.LayerNorm.bias": head.norm.bias,
        f"{_PREDICTIONS}.bias": head.bias,
        f"{_PREDICTIONS}.decoder.bias": head.bias,
        f"{_PREDICTIONS}.decoder.weight": source.backbone.token_embedding.weight,
    }


def _discriminator_weights(source: Source) -> dict[str, Tensor]:
    head = source.heads["discriminator"]
    assert isinstance(head, Discriminator)
    return {
        "discriminator_predictions.dense.weight": head.dense.weight,
        "discriminator_predictions.dense.bias": head.dense.bias,
        "discriminator_predictions.dense_prediction.weight": head.output.weight,
        "discriminator_predictions.dense_prediction.bias": head.output.bias,
    }
