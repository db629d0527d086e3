"""What a verdict speaks of, worked out once: who learned, and who is above or below what."""

from dataclasses import dataclass
from typing import TypeVar

from results.comparison import Stratum
from results.costs import off_budget
from results.findings import LEVEL, Finding, findings, floors
from results.learning import Learned, learned, plateau
from results.rows import Row
from results.statistics import Contrast, holm


@dataclass(frozen=True)
class Evidence:
    """All that the sentences of a verdict speak of.

    Attributes:
        plateau: of models that have not left it, their loss and that of word frequencies.
        off_budget: of models that spent another budget, how many times the stated one.
        start, simple: for every model and figure 1 or -1 where it is above or below what it was
            before training, or the best simple method, after Holm's adjustment over all of these;
            0 where that is open, and nothing where there is no such floor.
    """

    stratum: Stratum
    found: list[Finding]
    learned: dict[Row, Learned]
    plateau: dict[Row, tuple[float, float]]
    off_budget: dict[Row, float]
    start: dict[tuple[Row, Finding], int]
    simple: dict[tuple[Row, Finding], int]

    @property
    def nothing_learned(self) -> bool:
        """No model left the plateau; or none passed its own floor, or its start on any probe."""
        if len(self.plateau) == len(self.stratum.models):
            return True
        own = [
            state.passed and row not in self.plateau
            for row, state in self.learned.items()
            if state.passed is not None
        ]
        return bool(own or self.start) and not any(own) and 1 not in self.start.values()

    @property
    def seeds(self) -> int:
        """That all models share."""
        return len(set.intersection(*(set(row.seeds) for row in self.stratum.models)))


def gather(stratum: Stratum) -> Evidence:
    """The evidence of a stratum that has models."""
    found = findings(stratum)
    beside = {
        (row, finding): floors(stratum, row, finding.figure)
        for finding in found
        for row in finding.models
    }
    return Evidence(
        stratum,
        found,
        {row: learned(stratum, row) for row in stratum.models},
        {row: losses for row in stratum.models if (losses := plateau(stratum, row))},
        {row: share for row in stratum.models if (share := off_budget(row)) is not None},
        _signs({place: each.start for place, each in beside.items() if each.start}),
        _signs({place: each.simple for place, each in beside.items() if each.simple}),
    )


_Place = TypeVar("_Place")


def _signs(contrasts: dict[_Place, Contrast]) -> dict[_Place, int]:
    adjusted = holm([contrast.p for contrast in contrasts.values()])
    return {
        place: contrast.sign if p < LEVEL else 0
        for (place, contrast), p in zip(contrasts.items(), adjusted, strict=True)
    }
