import json
from pathlib import Path

import pytest
import torch
from checkpoints import FAMILIES, MASKED, save_checkpoint
from conftest import VOCABULARY, make_batch, only
from objective_files import load_objective
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.backbones.modern import ModernConfig
from models.batch import Attention, AttentionKind
from models.checkpoint_size import FAMILIES as KNOWN
from models.checkpoint_size import PretrainedConfig, read_checkpoint
from objectives.base import Moment, TrainModel, build_model
from objectives.randomness import RowRandom


def read(folder: Path, **settings: float) -> PretrainedConfig:
    return read_checkpoint(folder, path="somewhere", **settings)


def model_of(folder: Path, objective: str, vocabulary_size: int = 300) -> TrainModel:
    return build_model(load_objective(objective), read(folder), vocabulary_size, seed=0).eval()


def logits_of(model: TrainModel, lengths: list[int], kind: AttentionKind) -> Tensor:
    with torch.no_grad():
        last = model.backbone(make_batch(lengths), attention=Attention(kind)).last
        found: Tensor = model.heads["lm"](last, model.backbone.token_embedding.weight)
    return found


def test_every_known_family_is_tested() -> None:
    assert set(FAMILIES) == set(KNOWN)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_begins_where_the_checkpoint_ends(family: str, tmp_path: Path) -> None:
    theirs = save_checkpoint(tmp_path, family)
    model = model_of(tmp_path, "mlm" if family in MASKED else "clm")
    lengths = [40, 21, 3]
    batch = make_batch(lengths)
    with torch.no_grad():
        expected = theirs(batch.input_ids, attention_mask=batch.attention_mask.long()).logits
    ours = logits_of(model, lengths, read(tmp_path).own_attention)
    real = batch.attention_mask
    torch.testing.assert_close(ours[real], expected[real], atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_its_architecture_can_begin_at_random(family: str, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, family)
    objective = load_objective("mlm" if family in MASKED else "clm")

    def weights(kind: str, seed: int) -> dict[str, Tensor]:
        config = read_checkpoint(tmp_path, path="somewhere", weights=kind)
        assert config.rate_scale == (0.05 if kind == "checkpoint" else 1.0)
        return build_model(objective, config, 300, seed=seed).backbone.state_dict()

    trained, first, again, other = (
        weights(*given)
        for given in (("checkpoint", 0), ("random", 0), ("random", 0), ("random", 1))
    )
    ends = ("word_embeddings.weight", "wte.weight")
    embedding = next(name for name in trained if name.endswith(ends))
    assert torch.equal(first[embedding], again[embedding])
    assert not torch.allclose(first[embedding], other[embedding])
    assert not torch.allclose(first[embedding], trained[embedding])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["causal", "bidirectional"])
def test_either_mask_holds_in_every_family(
    family: str, kind: AttentionKind, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, family)
    model = model_of(tmp_path, "clm")
    before, after = make_batch([12, 20]), make_batch([12, 20])
    after.input_ids[0, 8] += 1
    with torch.no_grad():
        states = [
            model.backbone(batch, attention=Attention(kind)).last for batch in (before, after)
        ]
    moved = (states[0] != states[1]).any(-1)
    assert moved[0, 8:14].all()
    assert bool(moved[0, :8].any()) is (kind == "bidirectional")  # the causal mask is lifted
    assert not moved[1].any()


@pytest.mark.parametrize("family", ["bert", "gpt2", "modernbert", "llama"])
def test_new_tokens_stand_around_the_mean_and_take_little(family: str, tmp_path: Path) -> None:
    theirs = save_checkpoint(tmp_path, family)
    model = model_of(tmp_path, "clm", vocabulary_size=420)
    embedding = model.backbone.token_embedding.weight
    assert torch.equal(embedding[:300], theirs.get_input_embeddings().weight)
    mean = theirs.get_input_embeddings().weight.mean(0)
    assert (embedding[300:].mean(0) - mean).abs().max() < 0.05
    wide, narrow = (logits_of(m, [20], "causal") for m in (model, model_of(tmp_path, "clm")))
    torch.testing.assert_close(wide[..., :300], narrow, atol=1e-5, rtol=0)
    assert wide.softmax(-1)[..., 300:].sum(-1).mean() < 0.5


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("objective", ["mlm", "clm", "simcse", "rtd", "tsdae"])
def test_a_step_counts_what_flop_counter_mode_counts(
    family: str, objective: str, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, family)
    config, chosen = read(tmp_path), load_objective(objective)
    model = build_model(chosen, config, 300, seed=0)
    batch = make_batch([20, 11, 3, 20])
    prepared = only(
        chosen.prepare(
            batch, vocabulary=VOCABULARY, draw=RowRandom(0, batch.row_ids), moment=Moment()
        )
    )
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        model(chosen, prepared).total(chosen.counts(prepared)).backward()
    ours = chosen.training_flops(config, 300, prepared)
    assert counter.get_total_flops() == pytest.approx(ours, rel=0.01)
    assert all(
        parameter.grad is not None for parameter in model.backbone.parameters()
    )  # nothing stands idle


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_computed_twice_has_the_same_gradient(family: str, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, family)
    gradients, kept = [], []
    for recomputes in (False, True):
        backbone = model_of(tmp_path, "simcse").backbone
        if recomputes:
            backbone.recompute()
        saved: list[int] = []
        torch.manual_seed(0)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, saved=saved: (saved.append(tensor.numel()), tensor)[1], lambda t: t
        ):
            last = backbone.train()(make_batch([50] * 4), attention=Attention("causal")).last
        kept.append(sum(saved))
        last.square().sum().backward()
        gradients.append({n: p.grad for n, p in backbone.named_parameters() if p.grad is not None})
    assert kept[1] < kept[0]
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient)


def test_a_checkpoint_in_half_precision_is_trained_in_float32(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "llama", dtype=torch.bfloat16)
    model = model_of(tmp_path, "clm")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_dropout_is_the_checkpoints_own_unless_set(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    assert read(tmp_path).dropout == 0.1
    assert read(tmp_path, dropout=0.3).dropout == 0.3
    batch = make_batch([12])
    config = read(tmp_path, dropout=0.0, attention_dropout=0.0)
    model = build_model(load_objective("clm"), config, 300, seed=0).train()
    twice = [model.backbone(batch, attention=Attention()).last for _ in range(2)]
    assert torch.equal(*twice)


def test_llama_has_no_dropout_so_simcse_says_what_to_set(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "llama")
    with pytest.raises(ValueError, match="needs dropout"):
        load_objective("simcse", dropout=None).check(read(tmp_path), 32)
    with pytest.raises(ValueError, match=r"try model\.attention_dropout"):
        read(tmp_path, dropout=0.1)
    load_objective("simcse", dropout=None).check(read(tmp_path, attention_dropout=0.1), 32)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pass_has_noise_of_its_own(tmp_path: Path, family: str) -> None:
    """In every architecture, also one with dropout on attention alone; the next pass has none."""
    save_checkpoint(tmp_path, family)
    config = read(tmp_path, dropout=0.0, attention_dropout=0.0)
    backbone = build_model(load_objective("simcse"), config, 300, seed=0).train().backbone
    batch = make_batch([12])
    clean = backbone(batch, attention=Attention()).last
    noisy = [backbone(batch, attention=Attention(), dropout=0.3).last for _ in range(2)]
    assert not torch.allclose(noisy[0], noisy[1])
    assert torch.equal(clean, backbone(batch, attention=Attention()).last)
    assert torch.equal(backbone.eval()(batch, attention=Attention(), dropout=0.3).last, clean)


def test_its_name_is_its_content(tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_checkpoint(tmp_path / name, "bert")
    first, second = read(tmp_path / "first"), read(tmp_path / "second")
    assert first.fingerprint == second.fingerprint
    file = tmp_path / "second" / "model.safetensors"
    states = load_file(file)
    states["cls.predictions.bias"] += 1
    save_file(states, file, metadata={"format": "pt"})
    assert read(tmp_path / "second").fingerprint != first.fingerprint


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _of_another_family(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "t5"}))


def _truncated(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-500])


def _with_a_layer_missing(folder: Path) -> None:
    file = folder / "model.safetensors"
    states = load_file(file)
    del states["bert.encoder.layer.1.output.dense.weight"]
    save_file(states, file, metadata={"format": "pt"})


def _without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_weights, "holds no .*safetensors"),
        (_of_another_family, "family is 't5'; known: bert"),
        (_truncated, "cannot be loaded"),
        (_with_a_layer_missing, "lacks the weights encoder.layer.1.output.dense.weight"),
        (_without_config, "cannot be gone on from"),
    ],
)
def test_what_cannot_be_gone_on_from_is_said(damage, message, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    save_checkpoint(tmp_path, "bert")
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        model_of(tmp_path, "mlm")


def test_a_generator_beside_a_checkpoint_is_of_our_own_blocks(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "gpt2")
    model = model_of(tmp_path, "rtd")
    assert type(model.heads["generator"].blocks.config) is ModernConfig
