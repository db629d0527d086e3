import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from made_records import add_run

from cli.main import main
from cli.sweep import Sweep
from results.store import ResultStore


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """One job of each state; of those that are finished, two."""
    store = ResultStore(tmp_path)
    names = {}
    for objective, scores, status in (
        ("clm", [1, 0, 0, 0], "finished"),
        ("mlm", [1, 1, 1, 0], "finished"),
        ("rtd", [1], "failed"),
    ):
        losses = {objective: float(4 - scores[1] if len(scores) > 1 else 9)}
        record = add_run(store, objective, np.array(scores, float), status=status, nats=losses)
        names[objective] = record.name
    names |= {name: f"{name}-s0-none" for name in ("simcse", "tsdae", "xlnet")}
    (tmp_path / "jobs").mkdir()
    files = []
    for objective, name in names.items():
        files.append(tmp_path / "jobs" / f"{name}.json")
        files[-1].write_text(json.dumps({"name": name, "title": f"{objective}, seed 0"}))
    (tmp_path / "locks").mkdir()
    now = time.time()
    claim = {"process": 7, "host": "h", "sweep": "s", "began": now - 300, "fraction": 0.25}
    for objective, beat in (("simcse", 0), ("tsdae", 900)):
        content = {
            **claim,
            "name": names[objective],
            "beat": time.time() - beat,
            "stage": "probe a",
        }
        (tmp_path / "locks" / f"{names[objective]}.json").write_text(json.dumps(content))
    Sweep.begin(tmp_path, "an earlier one")
    sweep = Sweep.begin(tmp_path, "compare run objective=...")
    sweep.add(files, [])
    return sweep


def lines(sweep: Sweep, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, str]:
    assert main(["status", str(sweep.output_dir), *more]) == 0
    text = capsys.readouterr().out
    assert "compare run objective=..." in text.splitlines()[0]
    assert "1 earlier sweep(s): " in text
    found = [line.strip("│ ") for line in text.splitlines() if ", seed 0" in line]
    return {line.split(",")[0]: re.sub(r"\s*│\s*", " | ", line) for line in found}


def test_every_job_has_a_state(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(sweep, capsys)
    for objective, said in {
        "clm": "finished | 2026-01-01",
        "mlm": "finished | ",
        "rtd": "failed | ValueError: it broke",
        "simcse": "running | probe a 25%, process 7 on h, for 5 min",
        "tsdae": "orphaned | probe a 25%, process 7 on h, not heard of for 15 min",
        "xlnet": "waiting | ",
    }.items():
        assert found[objective].startswith(f"{objective}, seed 0 | {said}"), found[objective]


def test_the_best_comes_first(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(sweep, capsys, "--best", "task accuracy")
    assert list(found)[:2] == ["mlm", "clm"]
    assert "| 0.750 |" in found["mlm"]
    found = lines(sweep, capsys, "--best", "loss mlm nats")  # of which less is better
    assert next(iter(found)) == "mlm"
    assert main(["status", str(sweep.output_dir), "--best", "task accurac"]) == 2
    assert "did you mean 'task accuracy'" in capsys.readouterr().err


def test_where_there_is_no_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path)]) == 2
    assert "there is no sweep in" in capsys.readouterr().err
    assert main(["resume", str(tmp_path)]) == 2
    assert "there is no sweep in" in capsys.readouterr().err


def test_a_sweep_without_jobs_cannot_be_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Sweep.begin(tmp_path, "compare run objective=mlm")
    assert main(["resume", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "ended before its jobs were written down; run its command again: compare run" in said
