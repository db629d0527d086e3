import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from bert import bert_config, bert_weights
from conftest import VOCABULARY, make_batch
from torch import Tensor
from transformers import BertLMHeadModel, BertModel

from models.attention import SelfAttention, Sight
from models.backbone import Backbone
from models.backbones.modern import ModernConfig
from models.backbones.vanilla import VanillaConfig
from models.batch import Attention
from models.config import BackboneConfig
from models.heads import TokenHead
from models.initialization import initialize
from objectives.prepared import Prepared


def build(config: BackboneConfig) -> tuple[Backbone, TokenHead]:
    backbone, head = config.build(VOCABULARY.size), TokenHead(config, VOCABULARY.size)
    assert isinstance(backbone, Backbone)
    initialize(backbone, seed=1, std=0.2)
    initialize(head, seed=1, std=0.2)
    for module in (backbone, head):  # biases and norms that do nothing would hide a wrong name
        for parameter in module.parameters():
            if parameter.dim() == 1:
                parameter.data += 0.1 * torch.randn_like(parameter)
    return backbone.eval(), head.eval()


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_bidirectional_equals_bert_model(config: BackboneConfig, activation: str) -> None:
    config = replace(config, activation=activation)
    backbone, _ = build(config)
    bert = BertModel(bert_config(config, VOCABULARY.size, causal=False), add_pooling_layer=False)
    bert.load_state_dict(bert_weights(backbone, None, ""), strict=True)
    batch = make_batch([30, 12, 25, 1])
    ours = backbone(batch, attention=Attention("bidirectional")).last
    theirs = bert.eval()(batch.input_ids, batch.attention_mask.long()).last_hidden_state
    torch.testing.assert_close(
        ours[batch.attention_mask], theirs[batch.attention_mask], atol=1e-5, rtol=0
    )


def test_causal_equals_bert_lm_head_model(config: BackboneConfig) -> None:
    backbone, head = build(config)
    bert = BertLMHeadModel(bert_config(config, VOCABULARY.size, causal=True))
    bert.load_state_dict(bert_weights(backbone, head, "bert."), strict=True)
    batch = make_batch([30, 12, 25, 1])
    last = backbone(batch, attention=Attention("causal")).last
    ours = head(last, backbone.token_embedding.weight)
    theirs = bert.eval()(batch.input_ids, batch.attention_mask.long()).logits
    torch.testing.assert_close(
        ours[batch.attention_mask], theirs[batch.attention_mask], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("kind", ["bidirectional", "causal"])
def test_attention_is_the_written_out_formula(config: BackboneConfig, kind: str) -> None:
    layer = SelfAttention(config).eval()
    batch = make_batch([9, 4])
    hidden = torch.randn(2, 11, config.hidden_size)
    mask, causal = Attention(kind).allowed(batch.attention_mask)  # type: ignore[arg-type]
    ours = layer(hidden, Sight(mask, causal, 0.0))[0]

    heads, width = config.num_heads, config.hidden_size // config.num_heads
    expected = torch.zeros_like(ours)
    for row in range(2):
        query, key, value = layer.query_key_value(hidden[row]).chunk(3, dim=-1)
        outputs: list[Tensor] = []
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            scores = query[:, part] @ key[:, part].T / math.sqrt(width)
            allowed = batch.attention_mask[row].expand(11, 11).clone()
            if kind == "causal":
                allowed &= torch.ones(11, 11, dtype=torch.bool).tril()
            outputs.append(scores.masked_fill(~allowed, -math.inf).softmax(-1) @ value[:, part])
        expected[row] = layer.output(torch.cat(outputs, -1))
    torch.testing.assert_close(
        ours[batch.attention_mask], expected[batch.attention_mask], atol=1e-6, rtol=1e-5
    )


def test_padding_changes_no_real_token(config: BackboneConfig) -> None:
    backbone, _ = build(config)
    for attention in (Attention("bidirectional"), Attention("causal")):
        short = backbone(make_batch([10]), attention=attention).last
        padded = backbone(make_batch([10], width=40), attention=attention).last
        torch.testing.assert_close(short, padded[:, :12], atol=1e-6, rtol=1e-5)


def test_hidden_states_of_the_layers_asked_for(config: BackboneConfig) -> None:
    backbone, _ = build(config)
    output = backbone(make_batch([5]), attention=Attention(), layers=(2, 0))
    assert torch.equal(output.hidden[0], output.last)
    embedded = backbone.token_embedding(make_batch([5]).input_ids)
    embedded = backbone.embedding_norm(embedded + backbone.position_embedding.weight[:7])
    assert torch.equal(output.hidden[1], embedded)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_heads": 5}, "divides"),
        ({"dropout": 1.0}, r"\[0, 1\)"),
        ({"num_layers": 0}, "at least 1"),
        ({"activation": "swish"}, "known: relu, gelu"),
        ({"max_length": 2}, "at least 8"),
    ],
)
def test_a_size_that_cannot_be_is_refused(
    config: BackboneConfig, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(config, **change)  # type: ignore[arg-type]


def test_rows_known_to_be_full_need_no_mask(config: BackboneConfig) -> None:
    backbone, _ = build(config)
    batch = make_batch([30, 30])
    masked, unmasked = (
        backbone(batch, attention=Attention("bidirectional", unpadded=known)).last
        for known in (False, True)
    )
    assert Attention("bidirectional", unpadded=True).allowed(batch.attention_mask)[0] is None
    assert torch.equal(masked, unmasked)


@pytest.mark.parametrize(("lengths", "expected"), [([30, 30], True), ([30, 29], False)])
def test_what_is_prepared_knows_whether_it_is_full(lengths: list[int], expected: bool) -> None:
    prepared = Prepared.of(make_batch(lengths), Attention("bidirectional"))
    assert prepared.attention.unpadded is expected
    assert prepared.split(1)[0].attention.unpadded


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # dynamo looks at it
def test_a_compiled_stack_computes_the_same(config: BackboneConfig) -> None:
    """Each block by itself, all by one code, and none while it is measured."""
    backbone = build(replace(config, dropout=0.0, attention_dropout=0.0))[0].train()
    batch = make_batch([30, 12, 25, 1])
    expected = backbone(batch, attention=Attention("causal"), layers=[1]).hidden[0]
    torch._dynamo.utils.counters.clear()
    backbone.blocks.compile()
    found = backbone(batch, attention=Attention("causal"), layers=[1]).hidden[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    graphs = torch._dynamo.utils.counters["stats"]
    assert graphs["unique_graphs"] == 1
    backbone.eval()(make_batch([7, 5]), attention=Attention("causal"))
    assert graphs["unique_graphs"] == 1


@pytest.mark.parametrize("architecture", [VanillaConfig, ModernConfig])
def test_what_is_computed_twice_has_the_same_gradient_and_keeps_less(
    config: BackboneConfig, architecture: Any
) -> None:
    """Under dropout, whose draws are drawn again as they were."""
    shape = {**config.shape, "num_layers": 6, "dropout": 0.2, "attention_dropout": 0.1}
    found, kept = [], []
    for recomputes in (False, True):
        backbone = architecture(**shape).build(VOCABULARY.size)
        initialize(backbone, seed=1, std=0.2)
        if recomputes:
            backbone.recompute()
        sizes: dict[int, int] = {}

        def keep(tensor: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        torch.manual_seed(0)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            last = backbone.train()(make_batch([60] * 8), attention=Attention()).last
        kept.append(sum(sizes.values()))
        last.square().sum().backward()
        found.append([p.grad for p in backbone.parameters()])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
    assert kept[1] < kept[0] / 2
