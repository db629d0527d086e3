"""Faults planted in real inputs and models: the page of a whole run names each of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_corpus import sentence
from made_tables import written
from whole_commands import report_path, run

from runners.corpora.corpus import Corpus
from runners.measures.text_model import TextModel

FRESH = [sentence(np.random.default_rng(seed), 9) for seed in range(400)]
LONG = " and so on and on" * 30


def labelled(texts: Sequence[str], labels: Sequence[str] = ("no", "yes")) -> list[dict[str, Any]]:
    return [{"text": text, "label": labels[i % len(labels)]} for i, text in enumerate(texts)]


def planted(corpus: Corpus, folder: Path) -> list[str]:
    """Tables with faults of every kind, and the settings that name them."""
    documents = [t.replace("\n", " ") for t in corpus.documents("train")["text"]]
    prose = [text for text in documents if 40 < len(text.split()) < 60][:30]
    parts = [
        f"{new} {' '.join(text.split()[5:25])} {new}"
        for text, new in zip(prose[10:20], FRESH[100:], strict=False)
    ]
    train = labelled(FRESH[:60])
    test = [*train[:10], *labelled([*prose[:4], *parts, *FRESH[200:212]])]
    test += labelled([FRESH[220 + i] + LONG for i in range(2)])
    test += labelled(FRESH[230:232], ["maybe"])
    sentences = [
        {"tokens": text.split() * (8 if i % 10 == 0 else 1), "text": text}
        for i, text in enumerate(FRESH[240:300])
    ]
    tags = [{**row, "tags": [str(len(word) % 2) for word in row["tokens"]]} for row in sentences]
    pairs = [{"sentence_good": t, "sentence_bad": t.lower()} for t in FRESH[300:340]]
    scores = [
        {"sentence1": t, "sentence2": t[::-1], "label": i % 5} for i, t in enumerate(FRESH[340:])
    ]
    files = {
        "mine.train": train,
        "mine.test": test,
        "tagged": tags,
        "ordered": pairs,
        "alike": scores,
    }
    paths = {name: written(folder / f"{name}.jsonl", rows) for name, rows in files.items()}
    kinds = {"tagged": "tagging", "ordered": "minimal_pairs", "alike": "similarity"}
    return [
        "+probe@probes.mine=classification",
        f"probes.mine.path={paths['mine.train']}",
        f"probes.mine.test_path={paths['mine.test']}",
        "probes.mine.modes=[frozen,knn]",
        *(f"+probe@probes.{name}={kind}" for name, kind in kinds.items()),
        *(f"probes.{name}.path={paths[name]}" for name in kinds),
    ]


def test_the_page_names_every_planted_fault(
    output: Path,
    corpus: Corpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def constant(
        self: TextModel, texts: Sequence[str], poolings: Sequence[str], below: range
    ) -> np.ndarray:
        width = self.model.backbone.config.hidden_size
        return np.ones((len(poolings), len(below) + 1, len(texts), width), dtype=np.float32)

    monkeypatch.setattr(TextModel, "_pooled", constant)
    monkeypatch.setattr(TextModel, "log_likelihood", lambda _, texts: np.full(len(texts), -9.0))
    assert run(output, "objective=clm", *planted(corpus, tmp_path)) == 0
    text = report_path(capsys.readouterr().out).read_text()
    assert "could not be built" not in text
    lines = text.split("## Sanity\n")[1].split("\n## ")[0].strip().splitlines()

    def line(*parts: str) -> str:
        (found,) = [each for each in lines if all(part in each for part in parts)]
        return found

    copied = line("- **test text in pretraining text**: mine: ")
    assert "mine: 10.0% of the test examples whole; 35.0% of the test examples by a run" in copied
    overlap = line("- **test examples that are training examples too**: mine: ")
    assert "10 (25.0%) of 40 test examples" in overlap
    unseen = line("- **classes that training lacks**: mine: ")
    assert "of 2 (5.0%) of 40 test examples" in unseen
    cut = line("- texts longer than the model reads: ", "cut for models and simple methods alike")
    assert 2.0 <= float(cut.split("mine ")[1].split("%")[0]) < 30.0
    line("- **texts longer than the model reads**: tagged ", "simple methods all")
    ties = line("- **pairs that tie**: ordered: accuracy, pairs: ")
    assert "clm 40 of 40" in ties
    assert "untrained 40 of 40" in ties
    line("- **vectors that hardly differ from text to text**: clm (mean cosine 1.0000, ")
    assert "models of another budget" in lines[-1]  # looked for and not found

    scores = text.split("## Probes")[1].split("\n## ")[0]
    ordered = scores.split("\nordered:\n")[1].split("\nalike:\n")[0]
    (clm,) = [each for each in ordered.splitlines() if each.startswith("| clm ")]
    assert clm.startswith("| clm (plateau) | 0.500 ")
    assert "alike: Spearman: all pairs are equally similar to it" in scores


def test_a_clean_run_says_what_it_looked_for(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"sentence_good": t, "sentence_bad": t[:-1] + " ka."} for t in FRESH[:40]]
    path = written(tmp_path / "pairs.csv", rows)
    given = ["probe=[]", "+probe@probes.ordered=minimal_pairs", f"probes.ordered.path={path}"]
    assert run(output, "objective=clm", *given) == 0
    text = report_path(capsys.readouterr().out).read_text()
    (line,) = text.split("## Sanity\n")[1].split("\n## ")[0].strip().splitlines()
    assert line.startswith("Looked for and not found: test text in pretraining text; test examples")
    assert "Not looked for" not in line
