"""Batches of jobs from the first to one report, on commands that are tiny."""

import ast
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from whole_commands import report_path, run

import cli.study
from cli.paths import shown
from cli.progress import Display
from cli.sweep import Sweep
from results.store import ResultStore

MADE = ["objective=mlm", "hydra/sweeper=made", "-m"]


def test_a_sweeper_that_adapts_is_told_what_it_asks_for(
    output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second batch follows from the losses of the first, and one report has all three."""
    kept: list[str] = []
    keep = cli.study.Study.keep

    def kept_too(study: Any, folder: Path) -> None:
        kept.append((folder / "told.txt").read_text())
        keep(study, folder)

    monkeypatch.setattr(cli.study.Study, "keep", kept_too)
    assert run(output, *MADE) == 0
    report = report_path(capsys.readouterr().out)
    records = {
        record.config["objective"]["learning_rate"]: record
        for record in ResultStore(output).records()[0]
        if record.kind == "run"
    }
    told = ast.literal_eval(kept[0])
    curves = {rate: ResultStore(output).curve(record.name) for rate, record in records.items()}
    assert told[:2] == [curves[rate]["held_out"].dropna().iloc[-1] for rate in (1e-3, 1e-2)]
    third = 2e-3 if told[0] < told[1] else 2e-2
    assert set(records) == {1e-3, 1e-2, third}
    assert told[2] == curves[third]["held_out"].dropna().iloc[-1]
    assert all(record.name in report.read_text() for record in records.values())


def test_what_fails_ends_an_adaptive_sweep_with_a_report(
    output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import runners.experiment as experiment_module

    pretrain = experiment_module.pretrain

    def broken(config: Any, *more: Any, **named: Any) -> Any:
        if config.objective is not None and config.objective.learning_rate == 1e-2:
            raise RuntimeError("it broke")
        return pretrain(config, *more, **named)

    monkeypatch.setattr(experiment_module, "pretrain", broken)
    assert run(output, *MADE) == 1
    said = capsys.readouterr()
    assert "RuntimeError: it broke" in report_path(said.out).read_text()
    assert "Traceback" not in said.err.split("it broke")[-1]


def test_what_a_sweeper_wrote_is_kept_with_the_sweep(tmp_path: Path) -> None:
    sweep = Sweep.begin(tmp_path, "compare run")
    written = tmp_path / "scratch"
    (written / "folder").mkdir(parents=True)
    for name in ("multirun.yaml", "optimization_results.yaml"):
        (written / name).write_text("what")
    study = cli.study.Study("compare run", Any, sweep)  # type: ignore[arg-type]
    study.keep(written)
    assert {file.name for file in sweep.folder.iterdir()} == {
        "sweep.json",
        "optimization_results.yaml",
    }
    assert json.loads((sweep.folder / "sweep.json").read_text())["command"] == "compare run"


def test_what_was_edited_meanwhile_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Jobs use what stood there when the sweep began (runners/configuration/frozen.py)."""
    edited = tmp_path / "mine.py"
    monkeypatch.setattr(cli.study, "changed_plugins", lambda config: [edited])
    jobs: Any = [SimpleNamespace(config=None), SimpleNamespace(config=None)]
    study = cli.study.Study("compare run", Display())
    study._say_what_changed(jobs)
    said = "has changed since this began: its jobs used what stood there then"
    assert capsys.readouterr().err == f"{shown(edited)} {said}\n"  # once
    monkeypatch.setattr(cli.study, "source_changed", lambda: True)
    study._say_what_changed([])
    assert capsys.readouterr().err == f"compare's own source {said}\n"
