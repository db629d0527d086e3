import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli.main import UsageError
from cli.sweep import Sweep, sweeps


def test_sweeps_of_one_second_have_directories_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(5) as pool:
        made = list(pool.map(lambda n: Sweep.begin(tmp_path, f"command {n}"), range(12)))
    assert len({sweep.folder for sweep in made}) == 12
    assert {sweep.read()["command"] for sweep in made} == {f"command {n}" for n in range(12)}


def test_the_newest_is_found(tmp_path: Path) -> None:
    for name in ("2026-01-01_00-00-00", "2026-01-01_00-00-00-10", "2026-01-01_00-00-00-9"):
        folder = tmp_path / "sweeps" / name
        folder.mkdir(parents=True)
        Sweep(folder).write(command=name, files=[], references=[])
    (tmp_path / "sweeps" / "9999").mkdir()  # no sweep
    assert [sweep.name[19:] for sweep in sweeps(tmp_path)] == ["", "-9", "-10"]
    assert Sweep.find(tmp_path).name.endswith("-10")
    assert Sweep.find(tmp_path / "sweeps" / "2026-01-01_00-00-00").name.endswith("00-00-00")
    with pytest.raises(UsageError, match=r"there is no sweep in .*; name the output directory"):
        Sweep.find(tmp_path / "sweeps")


def test_jobs_are_entered_batch_by_batch(tmp_path: Path) -> None:
    sweep = Sweep.begin(tmp_path, "compare run")
    (tmp_path / "jobs").mkdir()
    for name in ("clm-1", "mlm-2"):
        file = tmp_path / "jobs" / f"{name}.json"
        file.write_text(json.dumps({"name": name, "title": f"the title of {name}"}))
        sweep.add([file], ["untrained-3"])
    (tmp_path / "jobs" / "mlm-2.json").write_text("{")
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "sweeps").rename(moved / "sweeps")
    (tmp_path / "jobs").rename(moved / "jobs")
    sweep = Sweep.find(moved)
    assert sweep.files() == [moved / "jobs" / "clm-1.json", moved / "jobs" / "mlm-2.json"]
    assert sweep.titles() == {
        "clm-1": "the title of clm-1",
        "mlm-2": "mlm-2 (its job file is damaged)",
        "untrained-3": "untrained-3",
    }


def test_one_process_runs_a_sweep(tmp_path: Path) -> None:
    sweep = Sweep.begin(tmp_path, "compare run")
    lock = sweep.alone()
    with pytest.raises(UsageError, match=r"is being run by process \d+ on "):
        Sweep(sweep.folder).alone()
    lock.release()
    Sweep(sweep.folder).alone().release()


@pytest.mark.parametrize(
    ("text", "message"), [("{", "damaged"), ('{"format": 0}', "another version"), ("[]", "damaged")]
)
def test_what_cannot_be_read_is_said(text: str, message: str, tmp_path: Path) -> None:
    sweep = Sweep.begin(tmp_path, "compare run")
    (sweep.folder / "sweep.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        sweep.read()
