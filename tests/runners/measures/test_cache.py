"""Measurements on disk: taken once, whoever takes them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from damages import DAMAGES
from filelock import FileLock

from results.record import Metric
from runners.measures.cache import measured
from runners.measures.measurement import Measurement

FOUND = [Measurement(Metric("accuracy"), 0.5, note="layer 1", options={"mean": 0.5}, reads=1)]


def never() -> list[Measurement]:
    pytest.fail("it was there already, or is somebody else's")


def test_what_is_kept_is_read_back_as_it_was(tmp_path: Path) -> None:
    examples = pd.DataFrame({"example": ["a", "b"], "group": ["", ""], "value": [0.0, 1.0]})
    whole = [Measurement(Metric("accuracy"), 0.5, examples=examples), *FOUND]
    measured(tmp_path, "probe", lambda: whole)
    first, second = measured(tmp_path, "probe", never) or []
    assert second == FOUND[0]
    assert first.examples is not None
    pd.testing.assert_frame_equal(first.examples, examples)


@pytest.mark.parametrize("harm", DAMAGES)
def test_what_is_damaged_is_taken_again(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    measured(tmp_path, "probe", lambda: FOUND)
    harm(tmp_path / "measures" / "probe.json")
    again = [Measurement(Metric("accuracy"), 0.25)]
    assert measured(tmp_path, "probe", lambda: again) == again
    assert measured(tmp_path, "probe", never) == again


def test_what_another_process_is_taking_is_passed_over_or_waited_for(tmp_path: Path) -> None:
    (tmp_path / "measures").mkdir()
    with FileLock(tmp_path / "measures" / "probe.lock"):
        assert measured(tmp_path, "probe", never, wait=False) is None
        assert measured(tmp_path, "other", lambda: FOUND, wait=False) == FOUND
    assert measured(tmp_path, "probe", lambda: FOUND, wait=True) == FOUND
    assert measured(tmp_path, "probe", never, wait=False) == FOUND


def test_what_failed_is_free_again(tmp_path: Path) -> None:
    def fails() -> list[Measurement]:
        raise RuntimeError("it broke")

    with pytest.raises(RuntimeError, match="it broke"):
        measured(tmp_path, "probe", fails)
    assert measured(tmp_path, "probe", lambda: FOUND, wait=False) == FOUND
