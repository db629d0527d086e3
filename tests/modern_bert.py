"""Our modern backbone's weights under the names of transformers' ModernBERT and its decoder."""

import torch
from transformers import ModernBertConfig, ModernBertDecoderConfig

from models.backbone import Backbone
from models.config import BackboneConfig

Theirs = type[ModernBertConfig] | type[ModernBertDecoderConfig]


def modern_bert_config(
    config: BackboneConfig, vocabulary_size: int, kind: Theirs
) -> ModernBertConfig | ModernBertDecoderConfig:
    """With their own default pattern of layers, windows and rotary bases."""
    return kind(
        vocab_size=vocabulary_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        intermediate_size=config.intermediate_size,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        cls_token_id=0,
        sep_token_id=0,
        attn_implementation="sdpa",
    )


def modern_bert_weights(backbone: Backbone, kind: Theirs) -> dict[str, torch.Tensor]:
    """Every parameter of ModernBertModel, or of ModernBertDecoderModel."""
    decoder = kind is ModernBertDecoderConfig
    found = {
        "embeddings.tok_embeddings.weight": backbone.token_embedding.weight,
        "embeddings.norm.weight": backbone.embedding_norm.weight,
        "final_norm.weight": backbone.final_norm.weight,
    }
    for index, block in enumerate(backbone.blocks):
        layer = f"layers.{index}."
        joint = block.attention.query_key_value.weight
        if decoder:
            for name, part in zip("qkv", joint.chunk(3), strict=True):
                found[f"{layer}attn.{name}_proj.weight"] = part
        else:
            found[f"{layer}attn.Wqkv.weight"] = joint
        found[f"{layer}attn.Wo.weight"] = block.attention.output.weight
        if index:
            found[f"{layer}attn_norm.weight"] = block.attention_norm.weight
        found[f"{layer}mlp_norm.weight"] = block.up_norm.weight
        found[f"{layer}mlp.Wi.weight"] = block.up.weight
        found[f"{layer}mlp.Wo.weight"] = block.down.weight
    return {name: value.detach() for name, value in found.items()}
