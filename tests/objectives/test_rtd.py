import pytest
import torch
from bert import bert_weights
from conftest import VOCABULARY, make_batch, only
from objective_files import load_objective
from transformers import ElectraConfig, ElectraForPreTraining

from models.batch import Batch
from models.config import BackboneConfig
from models.initialization import initialize
from objectives.base import TrainModel, build_model
from objectives.prepared import Prepared
from objectives.rtd import sample
from runners.checks import leaves_of


def prepare(batch: Batch) -> Prepared:
    return only(leaves_of(load_objective("rtd"), batch))


def build(config: BackboneConfig) -> TrainModel:
    model = build_model(load_objective("rtd"), config, VOCABULARY.size, seed=0).eval()
    initialize(model, seed=0, std=0.2)
    return model


def electra(model: TrainModel, config: BackboneConfig) -> ElectraForPreTraining:
    theirs = ElectraForPreTraining(
        ElectraConfig(
            vocab_size=VOCABULARY.size,
            embedding_size=config.hidden_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            intermediate_size=config.intermediate_size,
            hidden_act=config.activation,
            max_position_embeddings=config.max_length,
        )
    ).eval()
    head = model.heads["discriminator"]
    weights = bert_weights(model.backbone, None, "electra.") | {
        "discriminator_predictions.dense.weight": head.dense.weight,
        "discriminator_predictions.dense.bias": head.dense.bias,
        "discriminator_predictions.dense_prediction.weight": head.output.weight,
        "discriminator_predictions.dense_prediction.bias": head.output.bias,
    }
    found = theirs.load_state_dict(weights, strict=False)
    assert not found.missing_keys
    assert not found.unexpected_keys
    return theirs


def test_the_discriminator_equals_electra(config: BackboneConfig) -> None:
    """The loss over every real token, samples that equal the original counted as original."""
    model, batch = build(config), make_batch([30, 12, 25, 5])
    prepared = prepare(batch)
    seen: list[torch.Tensor] = []
    hook = model.backbone.register_forward_pre_hook(
        lambda module, arguments: seen.append(arguments[0].input_ids)
    )
    generator, discriminator = model(load_objective("rtd"), prepared).terms
    hook.remove()
    filled = seen[0]
    assert not (filled == VOCABULARY.mask_id).any()
    changed = filled != batch.input_ids
    assert changed.any()
    masked = torch.zeros_like(changed).flatten()
    masked[prepared.positions] = True
    assert not (changed & ~masked.view_as(changed)).any()
    theirs = electra(model, config)(
        filled, attention_mask=batch.attention_mask.long(), labels=changed.long()
    )
    ours = discriminator.values.mean()
    torch.testing.assert_close(ours, theirs.loss, atol=1e-5, rtol=0)
    assert len(discriminator.values) == int(batch.attention_mask.sum())
    assert discriminator.weight == 50.0
    assert len(generator.values) == len(prepared.targets)


def test_samples_follow_the_softmax() -> None:
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0, -30.0]).repeat(40_000, 1)
    drawn = sample(logits, torch.rand(40_000, dtype=torch.float64))
    shares = torch.bincount(drawn, minlength=5) / 40_000
    torch.testing.assert_close(shares, logits[0].softmax(0), atol=0.01, rtol=0)
    assert sample(logits[:1], torch.tensor([0.999999999], dtype=torch.float64)) == 3


def test_no_gradient_flows_through_the_samples(config: BackboneConfig) -> None:
    model = build(config)
    _, discriminator = model(load_objective("rtd"), prepare(make_batch([30, 12]))).terms
    discriminator.values.sum().backward()
    assert all(p.grad is None for p in model.heads["generator"].parameters())


def test_a_width_that_cannot_be_quartered_is_refused(config: BackboneConfig) -> None:
    with pytest.raises(ValueError, match="that 5 divides"):
        load_objective("rtd", generator_narrower=5).check(config, 64)
