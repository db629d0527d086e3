"""A job that goes wrong costs itself and nothing else, whatever becomes of its process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from whole_commands import TINY, report_path

from results.store import ResultStore

PLUGIN = Path(__file__).with_name("faulty.py")

SAID = {
    "raises": r"ZeroDivisionError: division by zero",
    "exits": r"its process ended with exit status 3 at pretraining",
    "killed": r"its process was killed by SIGKILL \(Killed\) at pretraining",
    "segfaults": r"its process was killed by SIGSEGV \(Segmentation fault\) at pretraining",
    "hangs": r"it showed no progress for 2\d s and was ended at pretraining",
}
"""By fault, what the record of the job says."""


def compare(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=500,
        check=False,
    )


def sweep(output: Path, faults: str) -> list[str]:
    tiny = [item for item in TINY if not item.startswith("hydra/launcher")]
    own = ["+objective.kind=faulty", f"+objective.fault={faults}", f"plugins=[{PLUGIN}]"]
    return ["run", "objective=mlm", "-m", *own, *tiny, f"output_dir={output}", "workers=2"]


@pytest.fixture
def hydras(whole: bool) -> list[dict[str, str]]:
    """Environments of the versions of Hydra that are tried: what is installed, and the next."""
    found: list[dict[str, str]] = [{}]
    if whole:
        folder = os.environ.get("COMPARE_NEXT_HYDRA")
        if not folder:
            pytest.skip("COMPARE_NEXT_HYDRA names no folder with another version (make faults)")
        path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        found.append({"PYTHONPATH": path})
    return found


def test_each_fault_costs_one_job(output: Path, hydras: list[dict[str, str]]) -> None:
    for number, environment in enumerate(hydras):
        folder = output.rename(output.with_name(f"out-{number}"))
        done = compare(*sweep(folder, ",".join([*SAID, "none"])), "hang_seconds=20", **environment)
        assert done.returncode == 1, done.stderr[-3000:]
        assert "Traceback" not in done.stderr
        records = {
            record.config["objective"]["fault"]: record
            for record in ResultStore(folder).records()[0]
            if record.kind == "run"
        }
        assert {fault: record.status for fault, record in records.items()} == {
            **dict.fromkeys(SAID, "failed"),
            "none": "finished",
        }
        report = report_path(done.stdout).read_text()
        for fault, said in SAID.items():
            error = records[fault].error
            assert re.search(said, error), error
            assert re.search(rf"{records[fault].name} failed: .*{said}|{said}", done.stderr)
            assert f"{records[fault].name}" in report.split("## Failed runs")[1]
            log = re.search(r"; (\S+) has what it said last", error)
            if log is not None:
                assert Path(folder.parent, log[1]).is_file() or Path(log[1]).is_file()
        assert "| mlm" in report
        output = folder
