"""A whole folder: what lies beside the model; and one that computes something else is refused."""

import json
from pathlib import Path

import pytest
import torch
from exported import made_states
from objective_files import load_objective

from models.backbones.vanilla import VanillaConfig
from models.batch import Attention
from models.config import BackboneConfig
from models.exports.equality import largest_difference
from models.exports.folder import write_folder
from models.exports.source import Source, load_source
from models.exports.tokenizer import roles_of
from models.pooling import POOLINGS
from runners.corpora.corpus import Corpus

LONGEST = 40
TEXTS = [
    "The sum of two numbers, and what [MASK] is.",
    "naïve café — 東京\n\n\tx = 1",
    "one more word " * 30,
    "a",
]


def source_of(corpus: Corpus, config: BackboneConfig, objective: str) -> Source:
    size, traits = corpus.vocabulary.size, load_objective(objective).traits
    return load_source(
        config,
        made_states(config, objective, size=size),
        vocabulary_size=size,
        attention=traits.attention,
        likelihood=traits.likelihood,
        roles=roles_of(corpus.folder)[1],
    )


@torch.no_grad()
def vectors(source: Source, corpus: Corpus, pooling: str) -> torch.Tensor:
    """(N, D), one text at a time, as probes make them."""
    rows = []
    for encoded in corpus.tokenizer.encode(TEXTS):
        batch = corpus.batch([encoded.ids[: LONGEST - 2]], padded_to=1)
        last = source.backbone(batch, attention=Attention(source.attention)).last
        rows.append(POOLINGS[pooling](last, batch.attention_mask))
    return torch.cat(rows)


@pytest.mark.parametrize(
    ("objective", "pooling"), [("simcse", "cls"), ("mlm", "mean"), ("clm", "last")]
)
def test_sentence_transformers_makes_the_same_vectors(
    corpus: Corpus, config: BackboneConfig, objective: str, pooling: str, tmp_path: Path
) -> None:
    """In a batch with padding, and texts cut to the longest row."""
    theirs = pytest.importorskip("sentence_transformers")
    source = source_of(corpus, config, objective)
    write_folder(source, corpus.folder, tmp_path, longest=LONGEST, pooling=pooling)
    model = theirs.SentenceTransformer(str(tmp_path), device="cpu")
    given = TEXTS[1:] if objective == "mlm" else TEXTS  # there "[MASK]" in a text is the token
    found = torch.from_numpy(model.encode(given, show_progress_bar=False))
    ours = vectors(source, corpus, pooling)[-len(given) :]
    torch.testing.assert_close(found, ours, atol=1e-5, rtol=0)
    others = [vectors(source, corpus, other) for other in POOLINGS if other != pooling]
    assert all((other[-len(given) :] - ours).abs().max() > 0.01 for other in others)


def test_the_folder_says_how_vectors_are_made(
    corpus: Corpus, config: BackboneConfig, tmp_path: Path
) -> None:
    written = write_folder(
        source_of(corpus, config, "simcse"), corpus.folder, tmp_path, longest=40, pooling="last"
    )
    assert (written.architecture, written.kind) == ("BertModel", "body")
    assert "no class" in written.left_out["projector"]
    assert written.difference < 1e-5
    pooling = json.loads((tmp_path / "1_Pooling" / "config.json").read_text())
    assert pooling.pop("word_embedding_dimension") == config.hidden_size
    assert [name for name, is_on in pooling.items() if is_on] == ["pooling_mode_lasttoken"]
    modules = json.loads((tmp_path / "modules.json").read_text())
    assert [module["path"] for module in modules] == ["", "1_Pooling"]
    assert json.loads((tmp_path / "sentence_bert_config.json").read_text())["max_seq_length"] == 40


@pytest.mark.parametrize(
    ("objective", "change"),
    [("mlm", "bert.encoder.layer.1.output.dense.bias"), ("mlm", "cls.predictions.bias")],
)
def test_a_folder_that_computes_something_else_is_refused(
    corpus: Corpus, config: BackboneConfig, objective: str, change: str, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    source = source_of(corpus, config, objective)
    written = write_folder(source, corpus.folder, tmp_path, longest=LONGEST, pooling="mean")
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    weights[change][3] += 0.01
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="does not compute what the model does"):
        largest_difference(source, written.kind, tmp_path, longest=LONGEST)


def test_another_architecture_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    class Other(VanillaConfig):
        found_as = "other"  # type: ignore[assignment]

    other = Other(hidden_size=32, num_layers=1, num_heads=2, intermediate_size=32)
    with pytest.raises(ValueError, match="architecture 'other'; known are those of vanilla"):
        write_folder(
            source_of(corpus, other, "mlm"), corpus.folder, tmp_path, longest=40, pooling="mean"
        )
