from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_records import add_run, rewrite

from cli import figures
from cli.figures import JobFailedError, announcement, check_optimised, value_of
from results.store import ResultStore
from runners.probes.library import LibraryProbe
from runners.probes.retrieval import RetrievalProbe


def test_what_a_sweeper_is_told(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    add_run(store, "mlm", np.array([1.0, 0.0, 1.0, 1.0]))
    (record,) = store.records()[0]
    assert value_of("task accuracy", record, store) == 0.75
    file = store.folder / record.name / "curve.jsonl"
    rewrite(file, '{"step": 1, "loss": 1.0}\n')
    for figure in ("task mrr", "other accuracy", "loss"):
        found = value_of(figure, record, store)
        assert isinstance(found, JobFailedError)
        assert str(found) == f"{record.name} has no figure {figure!r}"
    rewrite(
        file,
        '{"step": 1, "held_out mlm": 5.0, "held_out simcse": 3.0}\n'
        '{"step": 2, "held_out mlm": 4.0, "held_out simcse": 1.0}\n'
        '{"step": 3, "loss": 1.0}\n',
    )
    assert value_of("loss", record, store) == 2.5  # a fusion's terms, where they were last taken


def test_what_failed_has_no_value(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    add_run(store, "mlm", np.array([1.0]), status="failed")
    (record,) = store.records()[0]
    assert isinstance(value_of("loss", record, store), JobFailedError)


def test_what_is_optimised_is_a_figure_that_there_is() -> None:
    probes = [RetrievalProbe(name="retrieval"), LibraryProbe(name="library", modes=("frozen",))]
    check_optimised("loss", probes)
    check_optimised("retrieval mrr", probes)
    for figure, said in (
        ("los", "optimise: 'los' is no figure; .*; or it is loss"),
        ("retrieval mr", "optimise: retrieval has no figure 'mr'; did you mean 'mrr'"),
        ("retrieval mean reciprocal rank", "retrieval has no figure 'mean rec.*known: mrr"),
        ("retrieva mrr", "optimise: 'retrieva mrr' names no probe; did you mean 'retrieval'"),
        ("library accuracy_knn", "optimise: library does not measure 'accuracy_knn' here"),
    ):
        with pytest.raises(ValueError, match=said):
            check_optimised(figure, probes)


def test_a_probe_without_any_declared_figure_has_its_main_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "natural_pair_splits", lambda *_: ())
    config = SimpleNamespace(
        measures=SimpleNamespace(primary=("library accuracy_frozen",)),
        probes=(LibraryProbe(name="library", modes=("knn",)),),
        columns=(SimpleNamespace(name="clm"),),
    )
    job: Any = SimpleNamespace(config=config, tasks=("library",), corpus=None, skipped={})
    assert announcement([job]).startswith("primary: library accuracy_knn; also measured")
    job = SimpleNamespace(config=config, tasks=(), corpus=None, skipped={"library": "no labels"})
    told = announcement([job])
    assert told.startswith("no primary figure (every probe is left out); also measured")
    assert told.endswith("; left out: library, since no labels")
