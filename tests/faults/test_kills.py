"""A training that is killed at any moment comes to the very same model."""

import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from lives import OBJECTIVES, Life, end, start

from runners.corpora.corpus import Corpus


@pytest.mark.parametrize("name", OBJECTIVES)
def test_kills_at_random_moments_change_no_bit(
    name: str, rows: Corpus, tmp_path: Path, whole: bool
) -> None:
    """SIGKILL, 20 times in the long form; whenever a training is through, the next begins."""
    if name != "clm_mlm" and not whole:
        pytest.skip("in the long form: make faults")
    alone = Life(name, rows.folder, tmp_path / "alone", saves=False)
    expected, _, seconds = end(alone, start(alone))
    draw, kills, resumed, number = random.Random(name), 0, 0, 0
    while kills < (20 if whole else 2) or not resumed:
        number += 1
        life = replace(alone, output=tmp_path / str(number), saves=True)
        while True:
            process = start(life)
            process.join(draw.uniform(0, 2 * seconds))
            process.kill()
            process.join()
            if process.exitcode != -signal.SIGKILL:
                break
            kills += 1
        found, lines, _ = end(life, process)
        assert found == expected
        resumed += any(line.startswith("going on after step") for line in lines)
