"""Configuration and plugin are edited while a sweep runs: it uses what it froze, and says so."""

import time
from pathlib import Path

from whole_commands import in_processes, report_path, start

from cli.claims import claims
from results.store import ResultStore

PLUGIN = """\
from dataclasses import dataclass

from objectives.mlm import MLM


@dataclass(frozen=True, kw_only=True)
class Mine(MLM):
    \"\"\"MLM, with a word.\"\"\"

    word: str = "{word}"
"""
OPTION = """\
kind: mine
name: mine
learning_rate: {rate}
rows_per_update: 8
"""


def test_a_sweep_uses_what_it_froze(output: Path, tmp_path: Path) -> None:
    plugin, option = tmp_path / "mine.py", tmp_path / "more" / "objective" / "mine.yaml"
    option.parent.mkdir(parents=True)
    plugin.write_text(PLUGIN.format(word="before"))
    option.write_text(OPTION.format(rate=0.001))
    wanted = ["objective=mine", "seed=0,1", "-m", f"plugins=[{plugin}]"]
    arguments = in_processes(output, *wanted)
    arguments = [a for a in arguments if a != "workers=2"] + ["workers=1"]
    process = start(*arguments, "--config-dir", str(option.parents[1]))
    until = time.monotonic() + 120
    while not claims(output):  # the first job is being trained
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    plugin.write_text("raise SystemExit('this is what stands there now')\n")
    option.write_text(OPTION.format(rate=0.5))
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert report_path(out).is_file()
    assert "mine.py has changed since this began: its jobs used what stood there then" in err
    records = [record for record in ResultStore(output).records()[0] if record.kind == "run"]
    assert sorted(record.seed for record in records) == [0, 1]
    for record in records:
        assert record.status == "finished"
        assert record.config["objective"]["learning_rate"] == 0.001
        assert record.config["objective"]["word"] == "before"
