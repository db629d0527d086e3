"""The notebook runs from its first cell to its last, on made records and a made model."""

import json
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest
from exported import made_states
from made_records import add_run, answers
from map_of_files import ROOT
from objective_files import load_objective

from models.config import BackboneConfig
from models.exports.folder import write_folder
from models.exports.source import load_source
from models.exports.tokenizer import roles_of
from results.store import ResultStore
from runners.corpora.corpus import Corpus

NOTEBOOK = json.loads((ROOT / "docs" / "notebook.ipynb").read_text())


def code_cells() -> list[str]:
    """In the order in which they are run."""
    return ["".join(c["source"]) for c in NOTEBOOK["cells"] if c["cell_type"] == "code"]


def test_it_is_short_and_holds_no_outputs() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    cells = NOTEBOOK["cells"]
    assert len(cells) < 10
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        needed = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            needed |= {"outputs", "execution_count"}
        assert set(cell) == needed


def test_every_cell_runs(
    tmp_path: Path,
    corpus: Corpus,
    config: BackboneConfig,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = ResultStore(tmp_path / "outputs")
    for seed in (0, 1, 2):
        add_run(store, "clm", answers(0.5), seed=seed)
        add_run(store, "mlm", answers(0.7), seed=seed)
    clm = load_objective("clm").traits
    source = load_source(
        config,
        made_states(config, "clm", size=corpus.vocabulary.size),
        vocabulary_size=corpus.vocabulary.size,
        attention=clm.attention,
        likelihood=clm.likelihood,
        roles=roles_of(corpus.folder)[1],
    )
    (tmp_path / "my_model").mkdir()
    write_folder(source, corpus.folder, tmp_path / "my_model", longest=40, pooling="mean")
    monkeypatch.chdir(tmp_path)
    shown: dict[str, Any] = {}
    before = matplotlib.get_backend()
    plt.switch_backend("agg")
    try:
        for cell in code_cells():
            exec(cell, shown)
        lines = shown["axis"].get_lines()
        assert [line.get_label() for line in lines] == ["seed 0", "seed 1", "seed 2"]
        curve = store.curve(shown["runs"][0].name)
        assert lines[0].get_ydata().tolist() == curve["loss"].tolist()
    finally:
        plt.close("all")
        plt.switch_backend(before)
    means = shown["means"].loc[("probe task", "accuracy")].to_dict()
    assert means == pytest.approx({"clm": 0.5, "mlm": 0.7})
    said = capsys.readouterr().out
    assert "probe task, accuracy: clm minus mlm, over seeds and examples" in said
    assert "-0.200, from -0.2" in said
    assert shown["states"].shape[-1] == config.hidden_size
