import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cli.claims
from cli.claims import claimed, claims, drop_claim


def test_a_claim_is_held_by_one_process_and_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.claims, "BEAT", 0.05)
    with claimed(tmp_path, "a") as heart:
        assert heart is not None
        (claim,) = claims(tmp_path).values()
        assert (claim.name, claim.process, claim.stage) == ("a", os.getpid(), "")
        assert claim.is_alive
        heart.at("pretraining", 0.0)
        assert claims(tmp_path)["a"].stage == "pretraining"  # at once
        heart.at("pretraining", 0.5)
        until = time.monotonic() + 10
        while claims(tmp_path)["a"].fraction == 0.0 and time.monotonic() < until:
            time.sleep(0.02)
        assert claims(tmp_path)["a"].fraction == 0.5  # with the next beat
        with (tmp_path / "locks" / "a.lock").open("a") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert claims(tmp_path) == {}


def test_what_another_process_has_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    with (tmp_path / "locks" / "a.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with claimed(tmp_path, "a") as heart:
            assert heart is None
    with claimed(tmp_path, "a") as heart:
        assert heart is not None


def test_what_a_dead_process_left_is_for_its_sweep_to_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one job after the other would take down all processes of the sweep."""
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom cli.claims import claimed\n"
        "with claimed(Path(sys.argv[1]), 'a'): os._exit(1)"
    )
    environment = {**os.environ, "COMPARE_SWEEP": "now"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=False)
    assert claims(tmp_path)["a"].sweep == "now"
    monkeypatch.setenv("COMPARE_SWEEP", "now")
    with claimed(tmp_path, "a") as heart:
        assert heart is None
    monkeypatch.setenv("COMPARE_SWEEP", "later")
    with claimed(tmp_path, "a") as heart:
        assert heart is not None
    monkeypatch.setenv("COMPARE_SWEEP", "now")
    with claimed(tmp_path, "a") as heart:
        assert heart is not None  # nothing is left of the dead one


@pytest.mark.parametrize(
    ("error", "stays"),
    [(KeyboardInterrupt(), False), (SystemExit(143), False), (SystemExit(3), True)],
)
def test_an_interrupted_job_is_free_and_one_that_exits_is_judged(
    error: BaseException, stays: bool, tmp_path: Path
) -> None:
    with pytest.raises(type(error)), claimed(tmp_path, "a"):
        raise error
    assert ("a" in claims(tmp_path)) == stays
    drop_claim(tmp_path, "a")
    assert claims(tmp_path) == {}


def test_a_process_that_is_silent_counts_as_gone(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    content = {"name": "a", "process": 1, "host": "h", "sweep": "", "began": 0.0}
    for name, beat in (("a", time.time() - 3600), ("b", time.time())):
        file = tmp_path / "locks" / f"{name}.json"
        file.write_text(json.dumps({**content, "name": name, "beat": beat}))
    (tmp_path / "locks" / "c.json").write_text("{ half")
    found = claims(tmp_path)
    assert {name: claim.is_alive for name, claim in found.items()} == {"a": False, "b": True}
