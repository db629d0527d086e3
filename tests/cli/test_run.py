"""From argv to report, in this process: the main job, what fails in it, and a new objective."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from checkpoints import save_checkpoint, save_tokenizer
from whole_commands import TINY, report_path, run

import runners.experiment as experiment_module
from cli.main import main
from results.record import RunRecord
from results.store import ResultStore
from runners.corpora.corpus import Corpus

REVERSED = '''
"""Read tokens off their own places."""

from dataclasses import dataclass

from models.batch import Attention
from objectives.base import Traits
from objectives.prepared import IGNORE_INDEX, Prepared
from objectives.token_prediction import TokenPrediction


@dataclass(frozen=True, kw_only=True)
class Copying(TokenPrediction):
    """Read a token off its own place: a toy, to show that one file is enough."""

    TRAITS = Traits(
        family="DAE",
        attention="bidirectional",
        unit="copied token",
        supervises="some tokens",
        test_heads=("lm",),
    )

    share: float = 0.5

    def corrupt(self, batch, *, vocabulary, draw, moment):
        chosen = draw.uniform("copy", batch.input_ids.shape[1]) < self.share
        labels = batch.input_ids.masked_fill(~(chosen & batch.attention_mask), IGNORE_INDEX)
        return Prepared.of(batch, Attention("bidirectional"), labels)
'''


def test_the_main_job_and_the_same_again(
    output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(output, "objective=clm,mlm,simcse", "-m") == 0
    captured = capsys.readouterr()
    report = report_path(captured.out)
    assert "float32" in captured.err  # one line about device, threads and dtype
    text = report.read_text()
    assert "could not be built" not in text
    losses = text.split("## Losses")[1].split("##")[0]
    for row in ("clm", "mlm", "simcse", r"\*untrained\*", r"\*uniform\*", r"\*unigram\*"):
        assert re.search(rf"^\| {row} \|", losses, re.MULTILINE), row
    assert "clm, own mask" in losses
    apart = text.split("## Where the two best disagree")[1].split("\n## ")[0]
    found = re.search(r"^\| retrieval: MRR \| (\w+) \| (\w+) \| (\d+) \|", apart, re.MULTILINE)
    assert found is not None
    first, second, count = found.groups()
    assert f"| summary | its body | {first} | {second} |" in apart
    (kept,) = output.glob("runs/baselines-*/exhibits.json")
    (shown,) = json.loads(kept.read_text())["probe retrieval"]
    assert len(shown["texts"]) == int(count)
    assert "same start: at each seed" in text
    assert "same text in the same order" in text
    assert (report.parent / "curves.svg").is_file()
    assert "**not" not in text
    frame = pd.read_csv(report.parent / "results.csv")
    assert {"clm", "mlm", "simcse", "untrained", "TF-IDF"} <= set(frame["objective"])

    monkeypatch.setattr(experiment_module, "pretrain", None)  # training would fail
    assert run(output, "objective=clm,mlm,simcse", "-m") == 0
    again = report_path(capsys.readouterr().out).read_text()
    lines = zip(text.splitlines(), again.splitlines(), strict=True)
    assert [a for a, b in lines if a != b and not a.startswith("Built ")] == []

    assert main(["report", str(output)]) == 0
    rebuilt = report_path(capsys.readouterr().out).read_text()
    assert rebuilt.split("\nBuilt ")[0] == text.split("\nBuilt ")[0]

    assert main(["list", "runs", f"output_dir={output}"]) == 0
    assert "simcse" in capsys.readouterr().out


def test_a_failed_job_leaves_the_others_and_is_tried_again(
    output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain = experiment_module.pretrain

    def broken(config: Any, *more: Any, **named: Any) -> Any:
        if config.objective is not None and config.objective.name == "clm":
            raise RuntimeError("the disk | is <full>")
        return pretrain(config, *more, **named)

    monkeypatch.setattr(experiment_module, "pretrain", broken)
    assert run(output, "objective=clm,mlm", "-m") == 1
    text = report_path(capsys.readouterr().out).read_text()
    assert r"RuntimeError: the disk \| is &lt;full>" in text
    statuses = {r.objective: r.status for r in ResultStore(output).records()[0] if r.kind == "run"}
    assert statuses == {"clm": "failed", "mlm": "finished"}
    monkeypatch.undo()
    assert run(output, "objective=clm,mlm", "-m") == 0
    statuses = {r.objective: r.status for r in ResultStore(output).records()[0] if r.kind == "run"}
    assert statuses == {"clm": "finished", "mlm": "finished"}


def test_an_interrupted_sweep_keeps_what_is_finished(
    output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain = experiment_module.pretrain

    def interrupted(config: Any, *more: Any, **named: Any) -> Any:
        if config.objective is not None and config.objective.name == "mlm":
            raise KeyboardInterrupt
        return pretrain(config, *more, **named)

    monkeypatch.setattr(experiment_module, "pretrain", interrupted)
    assert run(output, "objective=clm,mlm", "-m") == 130
    captured = capsys.readouterr()
    assert "report of 1 of 2 job(s): " in captured.out
    part = Path(captured.out.strip().rpartition(": ")[2]).read_text()
    assert re.search(r"^\| clm \|", part, re.MULTILINE)
    assert re.search(r"left out: mlm-s0-\w+: it was not finished when the run was", part)
    assert "Traceback" not in captured.err
    assert [r.objective for r in ResultStore(output).records()[0]] == ["clm"]
    monkeypatch.undo()
    assert run(output, "objective=clm,mlm", "-m") == 0


def test_a_continued_sweep_writes_the_page_of_a_fresh_one(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records read back and fresh ones are rows of one model; intervals cover both seeds."""
    fresh = tmp_path / "fresh"
    shutil.copytree(output / "corpora", fresh / "corpora")
    pages = []
    for folder, steps in ((output, (["seed=0"], ["seed=0,1"])), (fresh, (["seed=0,1"],))):
        for step in steps:
            assert run(folder, "objective=clm,mlm", *step, "-m") == 0
        pages.append(report_path(capsys.readouterr().out).read_text().split("\nBuilt ")[0])
    assert pages[0] == pages[1]
    assert "over seeds and test examples together" in pages[0]
    assert "- seeds: 0, 1" in pages[0]
    losses = pages[0].split("## Losses")[1].split("\n## ")[0]
    assert len(re.findall(r"^\| clm \|", losses, re.MULTILINE)) == 2  # losses, bits per byte


def figures_of(record: RunRecord, measure: str) -> list[float | None]:
    return [value.value for value in record.values if value.measure == measure]


def test_going_on_from_a_checkpoint(
    output: Path, corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A decoder becomes an encoder, beside the decoder as it is and one trained from scratch."""
    checkpoint = tmp_path / "checkpoint"
    texts = corpus.documents("train").text.tolist()[:500]
    save_tokenizer(checkpoint, texts, vocabulary_size=600)
    theirs = save_checkpoint(checkpoint, "gpt2", vocabulary_size=600)
    own = [item for item in TINY if not item.startswith("model.")]
    arguments = ["objective=clm,mntp", "-m", "model=pretrained", f"model.path={checkpoint}"]
    arguments.append("model.weights=checkpoint,random")
    assert main(["run", *arguments, *own, f"output_dir={output}"]) == 0
    report = report_path(capsys.readouterr().out).read_text()
    table, *_ = re.findall(r"^\| model \| [^\n]*MRR[^\n]*\n(?:\|[^\n]*\n)+", report, re.M)
    rows = [line.split(" | ")[0].strip("| *") for line in table.splitlines()[2:]]
    scratch, going_on = "model.weights=random", "model.weights=checkpoint"
    assert {re.sub(r" \(plateau\)", "", row) for row in rows} >= {
        "unchanged",
        "unchanged, mask lifted",
        f"untrained ({scratch})",
        f"clm ({going_on})",
        f"clm ({scratch})",
        f"mntp ({going_on})",
        f"mntp ({scratch})",
    }
    store = ResultStore(output)
    records = {
        (record.objective, record.config["model"]["weights"]): record
        for record in store.records()[0]
    }
    hashes = {key: r.trained.init_hash for key, r in records.items() if r.training is not None}
    assert hashes["clm", "checkpoint"] == hashes["unchanged", "checkpoint"]
    assert hashes["clm", "random"] == hashes["untrained", "random"] != hashes["clm", "checkpoint"]
    lifted = records["unchanged, mask lifted", "checkpoint"]
    assert lifted.traits == {"attention": "bidirectional", "likelihood": "none"}
    started = records["unchanged", "checkpoint"]
    assert started.traits == {"attention": "causal", "likelihood": "causal"}
    assert figures_of(lifted, "geometry") != figures_of(started, "geometry")
    assert "folder" not in started.config["model"]
    assert started.config["trainer"]["learning_rate_scale"] == 0.05
    assert "gpt2 as" in started.stratum["model"]
    # The unchanged row is the checkpoint: transformers gives the same loss on the same rows.
    values = {(v.measure, v.metric): v.value for v in started.values}
    rebuilt = next(
        Corpus(path.parent)
        for path in (output / "corpora").glob("pydocs-*/card.json")
        if Corpus(path.parent).card.fingerprint == started.stratum["data"]
    )
    batches = rebuilt.batches("test", batch_size=8, seed=0)
    total = count = 0.0
    for _ in range(8):  # the 64 rows that the smoke experiment measures
        batch = next(batches)
        labels = batch.input_ids.masked_fill(~batch.attention_mask, -100)
        labels[labels == rebuilt.vocabulary.sep_id] = -100  # ends are reported apart
        inputs = batch.input_ids.clamp(max=599)
        with torch.no_grad():
            logits = theirs(inputs, attention_mask=batch.attention_mask.long()).logits
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), labels[:, 1:], reduction="none"
        )
        total, count = total + float(losses.sum()), count + int((labels[:, 1:] >= 0).sum())
    clm = values["loss clm", "nats"]
    assert clm is not None
    # 103 tokens that the checkpoint lacks take some probability from the others.
    assert clm == pytest.approx(total / count, abs=0.3)


def test_adding_an_objective_is_one_py_and_one_yaml(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine" / "objective").mkdir(parents=True)
    plugin = tmp_path / "copying.py"
    plugin.write_text(REVERSED)
    (tmp_path / "mine" / "objective" / "copying.yaml").write_text(
        "name: copying\nlearning_rate: 1.0e-3\nrows_per_update: 8\nshare: 0.5\n"
    )
    given = [f"plugins=[{plugin}]", "--config-dir", str(tmp_path / "mine")]
    assert run(output, "objective=clm,copying", "-m", *given, "objective.rows_per_update=8") == 0
    text = report_path(capsys.readouterr().out).read_text()
    assert "DAE: copying, nats a copied token" in text
    for section in ("## Losses", "## Probes", "## What it cost"):
        table = text.split(section)[1].split("\n## ")[0]
        assert re.search(r"^\| copying \|", table, re.MULTILINE), section
    assert main(["list", "objectives", *given]) == 0
    assert "copying" in capsys.readouterr().out


def test_plan_trains_nothing(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["objective=clm,mlm,simcse", "-m", *TINY, f"output_dir={output}"]
    assert main(["plan", *arguments]) == 0
    text = capsys.readouterr().out
    assert "nothing is trained" in text
    for name in ("clm", "mlm", "simcse"):
        assert f"{name}, seed 0" in text
    assert "primary: retrieval mrr; also measured: the losses clm, mlm, simcse" in text
    for part in ("training", "losses and probes", "untrained models", "baselines", "report"):
        assert f"{part} " in text.splitlines()[-1]
    assert not (output / "runs").exists()
    assert not (output / "models").exists()
    assert run(output, "objective=clm", "-m") == 0
    capsys.readouterr()
    assert main(["plan", "objective=clm", *TINY, f"output_dir={output}"]) == 0
    text = capsys.readouterr().out
    assert text.count("done already") == 3
    assert "About 2 s in all with 1 process(es)" in text
