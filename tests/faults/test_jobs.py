"""A job that goes wrong costs itself and nothing else, whatever becomes of its process."""

import os
import re
from pathlib import Path

from whole_commands import in_processes, report_path, start

from results.store import ResultStore

PLUGIN = Path(__file__).with_name("faulty.py")

SAID = {
    "segfaults": r"its process was killed by SIGSEGV \(Segmentation fault\) at pretraining",
    "raises": r"ZeroDivisionError: division by zero",
    "exits": r"its process ended with exit status 3 at pretraining",
    "killed": r"its process was killed by SIGKILL \(Killed\) at pretraining",
    "hangs": r"it showed no progress for \d+ s and was ended at pretraining",
}
"""By fault, what the record of the job says. The short form takes the first (tests/cli/test_crew.py
has the others, on processes that do nothing else)."""


def environments(whole: bool) -> list[dict[str, str]]:
    """Of the versions of Hydra that are tried: what is installed, and the next."""
    if not whole:
        return [{}]
    folder = os.environ.get("COMPARE_NEXT_HYDRA")
    assert folder, "COMPARE_NEXT_HYDRA names a folder with another version; `make faults` makes it"
    return [{}, {"PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}]


def test_each_fault_costs_one_job(output: Path, whole: bool) -> None:
    faults = dict(SAID if whole else list(SAID.items())[:1])
    for number, environment in enumerate(environments(whole)):
        output = output.rename(output.with_name(f"out-{number}"))
        own = ["+objective.kind=faulty", f"+objective.fault={','.join([*faults, 'none'])}"]
        command = in_processes(output, "objective=mlm", "-m", *own, f"plugins=[{PLUGIN}]")
        process = start(*command, "hang_seconds=30", **environment)
        said, errors = process.communicate(timeout=500)
        assert process.returncode == 1, errors[-3000:]
        assert "Traceback" not in errors
        records = {
            record.config["objective"]["fault"]: record
            for record in ResultStore(output).records()[0]
            if record.kind == "run"
        }
        statuses = {fault: record.status for fault, record in records.items()}
        assert statuses == {**dict.fromkeys(faults, "failed"), "none": "finished"}
        report = report_path(said).read_text()
        assert "| mlm" in report
        for fault, why in faults.items():
            name, error = records[fault].name, records[fault].error
            assert re.search(why, error), error
            assert re.search(why, errors)
            assert name in report.split("## Failed runs")[1]
            if (log := re.search(r"; (\S+) has what it said last", error)) is not None:
                assert "reading what there is to do" in Path(log[1]).read_text()
