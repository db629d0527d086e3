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
        ("prefix_lm", "body", "BertModel"),
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
