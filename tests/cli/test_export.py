"""From a finished run to a folder that others load, and what is refused on the way."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from made_records import rewrite
from torch import Tensor
from upload_server import UploadServer
from whole_commands import run

from cli.main import main
from cli.prepare import prepare_files
from models.batch import Attention
from results.store import ResultStore
from runners.corpora.corpus import Corpus
from runners.progress import Silent
from runners.training.pretrain import trained_already

TEXTS = ["The sum of two numbers.", "naïve café — 東京\n\tx = 1", "one more word " * 30, "a"]
LOADERS = {
    "mlm": ("AutoModelForMaskedLM", {}),
    "clm": ("AutoModelForCausalLM", {}),
    "prefix_lm": ("AutoModelForCausalLM", {"is_decoder": True}),
    "simcse": ("AutoModel", {}),
}

FRESH = """
import importlib.util, os, re, sys
from pathlib import Path

for name in ("cli", "models", "objectives", "results", "runners", "conf"):
    sys.modules[name] = None  # as where nothing of ours is installed

import json
import torch
import transformers

found = {}
texts = json.loads(sys.argv[2])
for folder in sorted(Path(sys.argv[1]).iterdir()):
    loader, options = json.loads(sys.argv[3])[folder.name]
    loader = getattr(transformers, loader)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        outputs = loader.from_pretrained(folder, **options).eval()(**inputs)
        states = transformers.AutoModel.from_pretrained(folder).eval()(**inputs)
    found[folder.name] = {
        "mask": inputs["attention_mask"].bool(),
        "states": states.last_hidden_state,
        "logits": outputs.get("logits"),
    }
    os.chdir(folder)
    blocks = re.findall("```python\\n(.*?)```", Path("README.md").read_text(), re.S)
    exec(blocks[0], {})
    if importlib.util.find_spec("sentence_transformers"):
        names = {}
        exec(blocks[1], names)
        found[folder.name]["vectors"] = torch.from_numpy(
            type(names["vectors"]) and
            names["SentenceTransformer"](".").encode(texts, show_progress_bar=False)
        )
torch.save(found, sys.argv[4])
"""


@pytest.fixture(scope="module")
def runs(built: Path, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output directory with finished runs."""
    output = tmp_path_factory.mktemp("exporting") / "out"
    shutil.copytree(built / "corpora", output / "corpora")
    assert run(output, f"objective={','.join(LOADERS)}", "-m") == 0
    return output


def run_of(output: Path, objective: str) -> Path:
    (found,) = (output / "runs").glob(f"{objective}-s0-*")
    return found


@torch.no_grad()
def expected(output: Path, objective: str) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """States and logits of each text at its own tokens, and its vector, by what is measured."""
    file = output / "jobs" / f"{run_of(output, objective).name}.json"
    (job,) = prepare_files([file], Silent()).jobs
    trained = trained_already(job.config.recipe, job.corpus, job.models)
    assert trained is not None
    model = trained.model
    assert job.config.objective is not None
    traits = job.config.objective.traits
    states: list[Tensor] = [torch.empty(0)] * len(TEXTS)
    logits = list(states)
    for batch, (place,) in job.corpus.text_batches(TEXTS, batch_size=1):
        states[place] = model.backbone(batch, attention=Attention(traits.attention)).last[0]
        if "lm" in model.heads:
            matrix, read = model.backbone.token_embedding.weight, states[place]
            if traits.likelihood == "causal":  # whatever states are read from
                read = model.backbone(batch, attention=Attention("causal")).last[0]
            logits[place] = model.heads["lm"](read, matrix)
    pooled = {"mean": lambda state: state.mean(0), "cls": lambda state: state[0]}[traits.pooling]
    return states, logits, torch.stack([pooled(state) for state in states])


def test_a_fresh_process_without_our_code_computes_the_same(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By AutoModel, the class with the head, and the code of the model card itself."""
    for objective in LOADERS:
        folder = tmp_path / "models" / objective
        assert main(["export", str(run_of(runs, objective)), str(folder)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "BertForMaskedLM; outputs differ from ours by" in printed.out
    assert "left out: the head projector, since no class of transformers has it" in printed.out
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            FRESH,
            tmp_path / "models",
            json.dumps(TEXTS),
            json.dumps(LOADERS),
            tmp_path / "found.pt",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = torch.load(tmp_path / "found.pt")
    for objective in LOADERS:
        theirs = found[objective]
        states, logits, vectors = expected(runs, objective)
        for place, mask in enumerate(theirs["mask"]):
            own = theirs["states"][place][mask]
            torch.testing.assert_close(own, states[place], atol=1e-5, rtol=0)
            if objective != "simcse":
                own = theirs["logits"][place][mask]
                torch.testing.assert_close(own, logits[place], atol=1e-5, rtol=0)
        if "vectors" in theirs:
            torch.testing.assert_close(theirs["vectors"], vectors, atol=1e-5, rtol=0)


def test_the_card_says_what_the_record_says(runs: Path, tmp_path: Path) -> None:
    name = run_of(runs, "mlm").name
    record = ResultStore(runs).get(name)
    assert record is not None
    target = tmp_path / "deep" / "model"
    assert main(["export", name, str(target), "--output-dir", str(runs)]) == 0
    _, metadata, card = (target / "README.md").read_text().split("---\n", 2)
    said = yaml.safe_load(metadata)
    assert (said["library_name"], said["pipeline_tag"]) == ("transformers", "fill-mask")
    assert "mlm" in said["tags"]
    assert record.corpus.fingerprint in card
    assert "- mlm_probability: 0.15" in card
    assert re.search(r"\| mlm .*<sub>[\d.]+ to [\d.]+</sub>", card)  # scores with intervals
    assert "learning rates were not tuned with equal effort" in card
    assert name in card
    assert "could not be built" not in card


def test_what_is_there_is_replaced_only_when_asked(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = str(run_of(runs, "simcse"))
    empty, other, file = tmp_path / "empty", tmp_path / "other", tmp_path / "file"
    empty.mkdir()
    other.mkdir()
    (other / "precious.txt").write_text("mine")
    file.write_text("mine")
    assert main(["export", given, str(empty)]) == 0  # an empty folder is no loss
    before = (empty / "model.safetensors").read_bytes()
    capsys.readouterr()
    for folder, flags, message in (
        (empty, [], "is there already; --overwrite replaces it"),
        (other, [], "is there already"),
        (other, ["--overwrite"], "is no model exported before"),
        (file, ["--overwrite"], "is no model exported before"),
        (file / "below", [], "cannot be written"),
    ):
        assert main(["export", given, str(folder), *flags]) == 2
        assert message in capsys.readouterr().err
    (empty / "stale.txt").write_text("of before")
    assert main(["export", given, str(empty), "--overwrite"]) == 0
    assert not (empty / "stale.txt").exists()
    assert (empty / "model.safetensors").read_bytes() == before
    assert {path.stat().st_mode & 0o777 for path in empty.glob("*.*")} == {0o644}
    assert (other / "precious.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "other"]


def test_a_model_is_pushed_by_those_who_have_a_token(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["export", str(run_of(runs, "simcse")), str(tmp_path / "new"), "--push", "me/mine"]
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert main(arguments) == 2
    assert "there is no token" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    with UploadServer("hf_right") as hub:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.endpoint)
        assert main(arguments) == 0
        assert f"uploaded: {hub.endpoint}/me/mine" in capsys.readouterr().out
        files = hub.repositories["me/mine"]
    assert files["model.safetensors"] == (tmp_path / "new" / "model.safetensors").read_bytes()
    assert {"README.md", "config.json", "tokenizer.json", "1_Pooling/config.json"} <= set(files)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mlm-s0-nothing", r"there is no run mlm-s0-nothing.*such as .*runs/mlm-s0-"),
        ("{runs}", "there is no run .*give the folder of one below"),
        ("{untrained}", "is what trained models are compared with"),
        ("{baselines}", "is what trained models are compared with"),
        ("/nowhere/runs/x", "there is no run /nowhere/runs/x"),
    ],
)
def test_a_run_that_is_none_is_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, message: str
) -> None:
    places = {"runs": runs}
    for kind in ("untrained", "baselines"):
        places[kind] = next((runs / "runs").glob(f"{kind}*"))
    arguments = [given.format(**places), str(tmp_path / "new"), "--output-dir", str(runs)]
    assert main(["export", *arguments]) == 2
    printed = capsys.readouterr()
    assert re.search(message, printed.err)
    assert printed.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("failed", r"did not finish \(KeyError: of a test\)"),
        ("weights", "its weights are gone from"),
        ("damaged", "is not as it was written"),
        ("facts", "training.json is not as it was written"),
        ("unknown", "does not hold the weights of"),
        ("others", "is not what .* was measured with"),
        ("corpus", "its corpus, whose tokenizer is needed, is gone"),
        ("architecture", "architecture 'mine'"),
        ("record", "is not a readable record"),
    ],
)
def test_what_is_not_whole_is_refused_and_nothing_is_left(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str, message: str
) -> None:
    output = tmp_path / "out"
    shutil.copytree(runs, output)
    folder = run_of(output, "mlm")
    file = folder / "record.json"
    content = json.loads(file.read_text())
    weights = output / "models" / content["training"]["folder"] / "model.safetensors"
    if fault == "failed":
        content |= {"status": "failed", "error": "Traceback\nKeyError: of a test\n"}
    elif fault == "architecture":
        content["config"]["model"]["architecture"] = "mine"
    elif fault == "weights":
        weights.unlink()
    elif fault == "facts":
        (weights.parent / "training.json").write_text("{")
    elif fault in ("damaged", "unknown"):
        weights.write_bytes(weights.read_bytes()[:1000])
        if fault == "unknown":
            (weights.parent / "training.json").unlink()
    elif fault == "others":
        clm = run_of(output, "clm")
        other = json.loads((clm / "record.json").read_text())["training"]["folder"]
        for name in (weights.name, "training.json"):
            shutil.copy(output / "models" / other / name, weights.parent / name)
    elif fault == "corpus":
        shutil.rmtree(output / "corpora")
    rewrite(file, "{" if fault == "record" else json.dumps(content))
    assert main(["export", str(folder), str(tmp_path / "new")]) == 2
    printed = capsys.readouterr()
    assert re.search(message, printed.err)
    assert printed.err.count("compare: ") == 1
    assert printed.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
