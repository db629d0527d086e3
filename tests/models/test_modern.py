from dataclasses import replace

import pytest
import torch
from conftest import VOCABULARY, make_batch
from modern_bert import modern_bert_config, modern_bert_weights
from torch import nn
from transformers import (
    ModernBertConfig,
    ModernBertDecoderConfig,
    ModernBertDecoderModel,
    ModernBertModel,
)

from models.attention import SelfAttention, Sight, rotary, rotate
from models.backbone import Backbone
from models.backbones.modern import ModernConfig
from models.batch import Attention, AttentionKind
from models.build import set_initial_weights
from models.config import BackboneConfig
from models.initialization import initialize

LENGTHS = [398, 130, 65, 3]


@pytest.fixture
def modern() -> ModernConfig:
    return ModernConfig(
        hidden_size=48,
        num_layers=12,
        num_heads=4,
        intermediate_size=80,
        max_length=512,
        activation="gelu",
        layer_norm_eps=1e-5,
    )


def build(config: BackboneConfig) -> Backbone:
    backbone = config.build(VOCABULARY.size)
    assert isinstance(backbone, Backbone)
    initialize(backbone, seed=1, std=0.1)
    for parameter in backbone.parameters():
        if parameter.dim() == 1:  # norms that do nothing would hide a wrong name
            parameter.data += 0.1 * torch.randn_like(parameter)
    return backbone.eval()


@pytest.mark.parametrize(
    ("kind", "model", "attention"),
    [
        (ModernBertConfig, ModernBertModel, "bidirectional"),
        (ModernBertDecoderConfig, ModernBertDecoderModel, "causal"),
    ],
)
def test_it_equals_transformers_at_400_tokens_with_padding(
    modern: BackboneConfig, kind: type, model: type, attention: AttentionKind
) -> None:
    theirs_config = modern_bert_config(modern, VOCABULARY.size, kind)
    kinds = [name.removesuffix("_attention") for name in theirs_config.layer_types]
    assert tuple(kinds) == modern.layer_kinds  # at their own pattern
    assert min(kinds.count("full"), kinds.count("sliding")) >= 4
    backbone, theirs = build(modern), model(theirs_config).eval()
    theirs.load_state_dict(modern_bert_weights(backbone, kind), strict=True)
    batch = make_batch(LENGTHS)
    assert batch.input_ids.shape[1] == 400
    with torch.no_grad():
        ours = backbone(batch, attention=Attention(attention)).last
        expected = theirs(batch.input_ids, batch.attention_mask.long()).last_hidden_state
        wider = replace(modern, sliding_window=modern.sliding_window + 1)
        other = wider.build(VOCABULARY.size)
        other.load_state_dict(backbone.state_dict())
        moved = other.eval()(batch, attention=Attention(attention)).last
    real = batch.attention_mask
    torch.testing.assert_close(ours[real], expected[real], atol=1e-5, rtol=0)
    assert (moved[real] - expected[real]).abs().max() > 1e-3  # a window off by one is caught


@pytest.mark.parametrize("kind", ["bidirectional", "causal", "prefix", "bottleneck"])
@pytest.mark.parametrize("window", [1, 3, 64])
def test_a_window_only_narrows(kind: AttentionKind, window: int) -> None:
    mask = make_batch([30, 11]).attention_mask
    attention = Attention(kind, prefix_lengths=torch.tensor([9, 4]))
    full, narrow = attention.matrix(mask), attention.matrix(mask, window)
    assert not (narrow & ~full).any()
    place = torch.arange(32)
    distance = (place[:, None] - place).abs()
    reach = window - 1 if kind == "causal" else window
    assert torch.equal(narrow, full & ((distance <= reach) | (distance == 0)))


def test_a_row_shorter_than_the_window_needs_no_mask_of_its_own() -> None:
    mask = make_batch([30]).attention_mask
    assert Attention("causal").allowed(mask, 32) == (None, True)
    narrow, causal = Attention("causal").allowed(mask, 31)
    assert narrow is not None
    assert not causal


def test_a_rotation_keeps_lengths_and_only_differences_of_places_count() -> None:
    cos, sin = rotary(50, 8, 10_000.0)
    query, key = torch.randn(2, 8)
    turned = [rotate(vector.expand(50, 8), cos, sin) for vector in (query, key)]
    torch.testing.assert_close(turned[0].norm(dim=1), query.norm().expand(50))
    products = turned[0] @ turned[1].T
    torch.testing.assert_close(products[7, 3], products[44, 40], atol=1e-4, rtol=0)
    assert (products[7, 3] - products[7, 4]).abs() > 1e-4


def test_heads_of_odd_width_are_refused(modern: BackboneConfig) -> None:
    with pytest.raises(ValueError, match="even width"):
        replace(modern, hidden_size=36)


def test_normalized_queries_and_keys_are_the_written_out_formula(modern: BackboneConfig) -> None:
    layer = SelfAttention(modern, bias=False, normalizes=True).eval()
    hidden, width = torch.randn(1, 9, 48), 12
    cos, sin = rotary(9, width, 10_000.0)
    ours, values = layer(hidden, Sight(None, False, 0.0, cos, sin))
    projected = layer.query_key_value(hidden[0]).view(9, 3, 4, width)
    query, key, value = projected.permute(1, 2, 0, 3)  # each (heads, T, width)
    query, key = (
        rotate(x / (x.square().mean(-1, keepdim=True) + 1e-7).sqrt(), cos, sin)
        for x in (query, key)
    )
    shares = (query @ key.transpose(1, 2) / width**0.5).softmax(-1)
    expected = layer.output((shares @ value).transpose(0, 1).reshape(9, 48))
    torch.testing.assert_close(ours[0], expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(values[0], value)


def test_later_layers_mix_in_the_values_of_the_first(modern: BackboneConfig) -> None:
    """With the shares (1, 0) it is what it is without; with others it is not."""
    plain = build(modern)
    mixing = build(replace(modern, value_residual=True))
    names = {name for name, _ in mixing.named_parameters()}
    shares = [f"blocks.{index}.attention.value_shares" for index in range(1, 12)]
    assert names - {name for name, _ in plain.named_parameters()} == set(shares)
    mixing.load_state_dict(plain.state_dict(), strict=False)
    batch = make_batch([30, 12])
    for first, second, same in ((1.0, 0.0, True), (0.5, 0.5, False)):
        for name in shares:
            mixing.get_parameter(name).data = torch.tensor([first, second])
        ours = mixing(batch, attention=Attention("causal")).last
        theirs = plain(batch, attention=Attention("causal")).last
        assert torch.allclose(ours, theirs, atol=1e-5) == same


def test_blocks_that_write_nothing_begin_as_the_identity(modern: BackboneConfig) -> None:
    backbone = replace(modern, zero_outputs=True).build(VOCABULARY.size).eval()
    set_initial_weights(backbone, nn.ModuleDict(), seed=0)
    batch = make_batch([30, 12])
    output = backbone(batch, attention=Attention(), layers=[0, 12])
    assert torch.equal(*output.hidden)
    loss = output.last.square().sum()
    loss.backward()
    assert backbone.blocks[3].down.weight.grad is not None
    assert backbone.blocks[3].down.weight.grad.abs().max() > 0  # and learns
