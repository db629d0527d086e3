from dataclasses import replace
from pathlib import Path

import pytest
from exported import assert_equal, made_source

from models.config import BackboneConfig
from models.exports.choose import export


@pytest.mark.parametrize(
    ("objective", "kind", "name"),
    [
        ("mlm", "masked", "BertForMaskedLM"),
        ("mntp", "masked", "BertForMaskedLM"),
        ("clm", "causal", "BertLMHeadModel"),
        ("simcse", "body", "BertModel"),
        ("prefix_lm", "prefix", "BertLMHeadModel"),
        ("ul2", "prefix", "BertLMHeadModel"),
        ("span_corruption", "body", "BertModel"),
        ("rtd", "discriminator", "ElectraForPreTraining"),
    ],
)
def test_auto_classes_compute_what_the_model_does(
    config: BackboneConfig, objective: str, kind: str, name: str, tmp_path: Path
) -> None:
    source = made_source(config, objective)
    exported = export(source)
    assert (exported.kind, type(exported.model).__name__) == (kind, name)
    exported.model.save_pretrained(tmp_path)
    assert_equal(source, kind, tmp_path, [30, 12, 25, 1])
    kept = {"masked": {"lm"}, "causal": {"lm"}, "discriminator": {"discriminator"}, "body": set()}
    kept["prefix"] = {"lm"}
    assert set(exported.left_out) | kept[kind] == {*source.heads, *source.other_heads}


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_tanh", "silu"])
@pytest.mark.parametrize("objective", ["mlm", "rtd"])
def test_every_activation_has_its_equal(
    config: BackboneConfig, activation: str, objective: str, tmp_path: Path
) -> None:
    source = made_source(replace(config, activation=activation), objective)
    exported = export(source)
    exported.model.save_pretrained(tmp_path)
    assert_equal(source, exported.kind, tmp_path, [30, 12])


def test_a_causal_model_without_a_token_head_stays_causal(
    config: BackboneConfig, tmp_path: Path
) -> None:
    source = made_source(config, "simcse", attention="causal")
    exported = export(source)
    assert exported.model.config.is_decoder
    exported.model.save_pretrained(tmp_path)
    assert_equal(source, "body", tmp_path, [30, 12, 25, 1])


def test_towers_that_no_dual_encoder_has_stay_behind_with_the_reason(
    config: BackboneConfig,
) -> None:
    left = export(made_source(config, "clip", own={"modality": "image"})).left_out
    assert set(left) == {"image_tower", "first_projection", "second_projection", "logit_scale"}
    assert "normalizes after" in left["image_tower"]
    assert "pooler" in left["second_projection"]
