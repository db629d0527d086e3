from pathlib import Path

import pytest
from checkpoints import FAMILIES, MASKED, save_checkpoint
from exported import assert_equal, made_source

from models.checkpoint_size import read_checkpoint
from models.exports.choose import export

EITHER = ("bert", "roberta")
OBJECTIVES = {"bidirectional": "mlm", "causal": "clm"}


def own(family: str) -> str:
    return "bidirectional" if family in MASKED else "causal"


@pytest.mark.parametrize(
    ("family", "attention"),
    [*((f, own(f)) for f in FAMILIES), *((f, "causal") for f in EITHER)],
)
def test_its_own_class_computes_what_the_model_does(
    family: str, attention: str, tmp_path: Path
) -> None:
    """With more tokens than the checkpoint had, and biases in the head that it had not."""
    save_checkpoint(tmp_path / "start", family)
    config = read_checkpoint(tmp_path / "start", path="somewhere")
    source = made_source(config, OBJECTIVES[attention], size=310)
    exported = export(source)
    assert exported.model.config.model_type == family
    has_bias = family.startswith(("bert", "roberta", "modernbert"))
    assert exported.kind == (
        {"bidirectional": "masked"}.get(attention, "causal") if has_bias else "body"
    )
    assert ("lm" in exported.left_out) is not has_bias
    exported.model.save_pretrained(tmp_path / "end")
    assert_equal(source, exported.kind, tmp_path / "end", [40, 21, 3])


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_decoders_head_is_kept_where_its_bias_says_nothing(family: str, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "start", family)
    source = made_source(read_checkpoint(tmp_path / "start", path="somewhere"), "clm", size=310)
    source.heads["lm"].bias.data.zero_()  # type: ignore[operator, union-attr]
    exported = export(source)
    assert exported.kind == "causal"
    exported.model.save_pretrained(tmp_path / "end")
    assert_equal(source, "causal", tmp_path / "end", [40, 21, 3])


@pytest.mark.parametrize(("family", "objective"), [("gpt2", "mlm"), ("modernbert", "clm")])
def test_attention_that_the_family_lacks_is_refused(
    family: str, objective: str, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, family)
    source = made_source(read_checkpoint(tmp_path, path="somewhere"), objective, size=310)
    with pytest.raises(ValueError, match=f"{family} read with .* attention only"):
        export(source)


@pytest.mark.parametrize(
    ("family", "kind"), [("bert", "prefix"), ("roberta", "prefix"), ("modernbert", "body")]
)
def test_a_head_that_reads_from_left_to_right_on_states_from_both_sides(
    family: str, kind: str, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "start", family)
    source = made_source(
        read_checkpoint(tmp_path / "start", path="somewhere"), "prefix_lm", size=310
    )
    exported = export(source)
    assert exported.kind == kind
    assert ("lm" in exported.left_out) == (kind == "body")
    exported.model.save_pretrained(tmp_path / "end")
    assert_equal(source, kind, tmp_path / "end", [40, 21, 3])
