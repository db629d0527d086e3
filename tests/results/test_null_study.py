"""The study behind what is promised of verdicts (benchmarks/null_reports.py) runs, in small."""

from dataclasses import replace

import pytest
from benchmarks.null_reports import Setting, at_most, simulated

ALIKE = Setting(seeds=3, examples=100, objectives=3, taste=False)


def test_reports_of_objectives_that_are_alike_and_of_one_that_is_better() -> None:
    alike = simulated((ALIKE, 4, 0))
    assert sum(each.wins for each in alike) <= 1
    assert sum(each.covered for each in alike) / 4 > 0.8
    far = simulated((replace(ALIKE, figures=1, effect=30.0), 2, 0))
    assert all(each.found and each.wins and each.seen == 1.0 for each in far)


@pytest.mark.parametrize(
    ("seeds", "objectives", "rivals", "share"),
    [(2, 2, 1, 0.387), (3, 2, 1, 0.619), (1, 8, 1, 0.851), (1, 8, 7, 0.544)],
)
def test_what_an_exact_test_would_find(
    seeds: int, objectives: int, rivals: int, share: float
) -> None:
    """By Student's non-central distribution, and by that of the highest of seven normal ones."""
    setting = Setting(seeds, 100, objectives, False)
    assert at_most(setting, rivals, 3.0) == pytest.approx(share, abs=0.002)
