import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from damages import DAMAGES

import runners.hardware
from results.integrity import read_sealed
from runners.hardware import (
    NARROW,
    Hardware,
    best_dtype,
    kept_dtype,
    matrix_rates,
    resolve_elsewhere,
    resolve_hardware,
)

ASKED = Hardware(device="cpu", threads=1)


def test_a_product_is_timed_in_both_dtypes_and_not_for_long() -> None:
    rates = matrix_rates("cpu", seconds=0.0)
    assert set(rates) == {"float32", "bfloat16"}
    assert all(1e7 < rate < 1e15 for rate in rates.values())


def test_bfloat16_is_taken_where_it_is_faster_by_a_third_or_so() -> None:
    assert best_dtype({"float32": 10.0, "bfloat16": 12.9}) == "float32"
    assert best_dtype({"float32": 10.0, "bfloat16": 13.0}) == "bfloat16"


def test_the_choice_is_measured_once_a_machine_and_then_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"float32": 1.0, "bfloat16": 2.0}
    monkeypatch.setattr(runners.hardware, "matrix_rates", lambda device: dict(rates))
    assert kept_dtype("cpu", 1, tmp_path) == ""
    assert resolve_hardware(ASKED, tmp_path, weights=1).dtype == "bfloat16"
    rates["bfloat16"] = 0.5
    assert resolve_hardware(ASKED, tmp_path, weights=1).dtype == "bfloat16"
    assert kept_dtype("cpu", 1, tmp_path) == "bfloat16"
    assert kept_dtype("cpu", 2, tmp_path) == ""
    (file,) = (tmp_path / "machines").glob("*.json")
    assert read_sealed(file)["bfloat16_gain"] == 2.0
    file.write_text(json.dumps(read_sealed(file)))  # as a version without checksums wrote it
    assert kept_dtype("cpu", 1, tmp_path) == "bfloat16"


@pytest.mark.parametrize("harm", DAMAGES)
def test_a_damaged_choice_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], object]
) -> None:
    rates = {"float32": 1.0, "bfloat16": 2.0}
    monkeypatch.setattr(runners.hardware, "matrix_rates", lambda device: dict(rates))
    resolve_hardware(ASKED, tmp_path, weights=1)
    (file,) = (tmp_path / "machines").glob("*.json")
    harm(file)
    assert kept_dtype("cpu", 1, tmp_path) == ""
    rates["bfloat16"] = 0.5
    assert resolve_hardware(ASKED, tmp_path, weights=1).dtype == "float32"
    assert kept_dtype("cpu", 1, tmp_path) == "float32"


def test_another_number_of_processes_than_there_are_is_refused(tmp_path: Path) -> None:
    found = resolve_hardware(replace(ASKED, dtype="float32", processes=0), tmp_path, weights=1)
    assert found.processes == 1
    asked = replace(found, processes=4)
    with pytest.raises(ValueError, match=r"goes on with as many .* --nproc-per-node 4"):
        resolve_hardware(asked, tmp_path, weights=1)


def test_what_another_machine_would_find_out_has_to_be_said() -> None:
    resolve_elsewhere(replace(ASKED, dtype="bfloat16"), weights=1)
    for left_open in ({"dtype": "auto"}, {"threads": 0}, {"device": "auto"}, {"processes": 0}):
        with pytest.raises(ValueError, match=r"so say it, as in trainer\.dtype=bfloat16"):
            resolve_elsewhere(replace(ASKED, **{"dtype": "float32", **left_open}), weights=1)


@pytest.mark.parametrize(
    ("device", "weights", "expected"),
    [("cuda", NARROW, True), ("cuda", NARROW - 1, False), ("cpu", NARROW, False)],
)
def test_a_wide_model_on_a_gpu_is_compiled(device: str, weights: int, expected: bool) -> None:
    asked = replace(ASKED, dtype="bfloat16", device=device)
    assert resolve_elsewhere(asked, weights=weights).compile is expected
    for said in (False, True):
        assert resolve_elsewhere(replace(asked, compile=said), weights=weights).compile is said


def test_nothing_is_compiled_here_unless_asked_for(tmp_path: Path) -> None:
    assert resolve_hardware(ASKED, tmp_path, weights=NARROW).compile is False
    asked = replace(ASKED, compile=True)
    assert resolve_hardware(asked, tmp_path, weights=1).compile is True


def test_more_threads_than_a_machine_can_start_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"trainer\.threads is 20000, and this machine has \d+"):
        resolve_hardware(replace(ASKED, threads=20_000), tmp_path, weights=1)
