from dataclasses import replace
from pathlib import Path

import pytest
from exported import assert_equal, made_source

from models.backbones.modern import ModernConfig
from models.exports.choose import export

MODERN = ModernConfig(
    hidden_size=32,
    num_layers=5,
    num_heads=4,
    intermediate_size=48,
    max_length=64,
    activation="gelu",
    layer_norm_eps=1e-5,
    full_every=2,
    sliding_window=6,
    full_base=5_000.0,
    sliding_base=300.0,
    zero_outputs=True,
)


@pytest.mark.parametrize(
    ("objective", "attention", "kind", "name"),
    [
        ("mlm", "bidirectional", "masked", "ModernBertForMaskedLM"),
        ("clm", "causal", "causal", "ModernBertDecoderForCausalLM"),
        ("simcse", "bidirectional", "body", "ModernBertModel"),
        ("simcse", "causal", "body", "ModernBertDecoderModel"),
        ("rtd", "bidirectional", "body", "ModernBertModel"),
    ],
)
@pytest.mark.parametrize("activation", ["gelu", "silu"])
def test_auto_classes_compute_what_the_model_does(
    objective: str, attention: str, kind: str, name: str, activation: str, tmp_path: Path
) -> None:
    """Rows several windows long, with windows, rotary bases and a pattern of layers of our own."""
    source = made_source(replace(MODERN, activation=activation), objective, attention=attention)
    exported = export(source)
    assert (exported.kind, type(exported.model).__name__) == (kind, name)
    exported.model.save_pretrained(tmp_path)
    assert_equal(source, kind, tmp_path, [60, 31, 7, 1])


def test_what_only_rtd_has_is_named(tmp_path: Path) -> None:
    left_out = export(made_source(MODERN, "rtd")).left_out
    assert "only ELECTRA" in left_out["discriminator"]
    assert "no class" in left_out["generator"]


@pytest.mark.parametrize("setting", ["query_key_norm", "value_residual"])
def test_what_modern_bert_lacks_is_refused(setting: str) -> None:
    source = made_source(replace(MODERN, **{setting: True}), "mlm")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"{setting} is on"):
        export(source)
