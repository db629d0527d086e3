"""What a verdict speaks of, worked out once: who learned, and who is above or below what."""

from dataclasses import dataclass

from results.comparison import Stratum
from results.costs import off_budget
from results.findings import LEVEL, Finding, findings, floors
from results.learning import Learned, learned, plateau
from results.rows import Row
from results.statistics import Contrast, holm


@dataclass(frozen=True)
class Standing:
    """A model beside a floor: 1 better, -1 worse, 0 open.

    Attributes:
        shown: after Holm's adjustment over all models and figures.
        alone: by the 95 % interval of the difference itself, as tables have it.
    """

    shown: int
    alone: int


Standings = dict[tuple[Row, Finding], Standing]


@dataclass(frozen=True)
class Evidence:
    """All that the sentences of a verdict speak of.

    Attributes:
        plateau: of models that have not left it, their loss and that of word frequencies.
        off_budget: of models that spent another budget, how many times the stated one.
        start, simple: for every model and figure where it stands beside what it was before
            training, or beside the best simple method; nothing where there is no such floor.
    """

    stratum: Stratum
    found: list[Finding]
    learned: dict[Row, Learned]
    plateau: dict[Row, tuple[float, float]]
    off_budget: dict[Row, float]
    start: Standings
    simple: Standings

    @property
    def helped(self) -> bool:
        """Whether some model is shown to be better than its start on some probe."""
        return any(standing.shown == 1 for standing in self.start.values())

    @property
    def nothing_shown(self) -> bool:
        """No model is shown to be past its own floor and off the plateau, or past its start."""
        own = [
            state.passed and row not in self.plateau
            for row, state in self.learned.items()
            if state.passed is not None
        ]
        return bool(own or self.start) and not any(own) and not self.helped

    @property
    def seeds(self) -> int:
        """That all models share."""
        return len(set.intersection(*(set(row.seeds) for row in self.stratum.models)))

    @property
    def shared(self) -> list[int]:
        """On how many seeds two ranked models were contrasted: each number once, in order."""
        return sorted({len(c.seeds) for f in self.found for c in f.contrasts.values()})


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
        _standings({place: each.start for place, each in beside.items() if each.start}),
        _standings({place: each.simple for place, each in beside.items() if each.simple}),
    )


def _standings(contrasts: dict[tuple[Row, Finding], Contrast]) -> Standings:
    adjusted = holm([contrast.p for contrast in contrasts.values()])
    found = {}
    for ((row, finding), contrast), p in zip(contrasts.items(), adjusted, strict=True):
        alone = finding.sign * contrast.sign
        found[row, finding] = Standing(alone if p < LEVEL else 0, alone)
    return found
