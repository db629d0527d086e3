"""Our backbone's weights under the names of transformers' BERT, for the proofs of equality."""

import torch
from transformers import BertConfig

from models.backbone import Backbone
from models.config import BackboneConfig
from models.heads import TokenHead


def bert_config(config: BackboneConfig, vocabulary_size: int, *, causal: bool) -> BertConfig:
    return BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        intermediate_size=config.intermediate_size,
        hidden_act=config.activation,
        max_position_embeddings=config.max_length,
        layer_norm_eps=config.layer_norm_eps,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        is_decoder=causal,
    )


def bert_weights(
    backbone: Backbone, head: TokenHead | None, prefix: str
) -> dict[str, torch.Tensor]:
    """Every parameter of BertModel; token type 0 is zero, which we have none of."""
    width = backbone.config.hidden_size
    found = {
        "embeddings.word_embeddings.weight": backbone.token_embedding.weight,
        "embeddings.position_embeddings.weight": backbone.position_embedding.weight,
        "embeddings.token_type_embeddings.weight": torch.zeros(2, width),
        "embeddings.LayerNorm.weight": backbone.embedding_norm.weight,
        "embeddings.LayerNorm.bias": backbone.embedding_norm.bias,
    }
    for index, block in enumerate(backbone.blocks):
        layer = f"encoder.layer.{index}."
        joint = block.attention.query_key_value
        for place, name in enumerate(("query", "key", "value")):
            rows = slice(place * width, (place + 1) * width)
            found[f"{layer}attention.self.{name}.weight"] = joint.weight[rows]
            found[f"{layer}attention.self.{name}.bias"] = joint.bias[rows]
        for name, module in (
            ("attention.output.dense", block.attention.output),
            ("attention.output.LayerNorm", block.attention_norm),
            ("intermediate.dense", block.up),
            ("output.dense", block.down),
            ("output.LayerNorm", block.output_norm),
        ):
            found[f"{layer}{name}.weight"] = module.weight
            found[f"{layer}{name}.bias"] = module.bias
    found = {prefix + name: value for name, value in found.items()}
    if head is not None:
        found |= {
            "cls.predictions.transform.dense.weight": head.dense.weight,
            "cls.predictions.transform.dense.bias": head.dense.bias,
            "cls.predictions.transform.LayerNorm.weight": head.norm.weight,
            "cls.predictions.transform.LayerNorm.bias": head.norm.bias,
            "cls.predictions.decoder.weight": backbone.token_embedding.weight,
            "cls.predictions.decoder.bias": head.bias,
            "cls.predictions.bias": head.bias,
        }
    return {name: value.detach() for name, value in found.items()}
