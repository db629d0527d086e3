"""What the figures say: who leads in what, and whether that is above the simple floors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from results.comparison import Stratum
from results.costs import off_budget
from results.learning import plateau
from results.record import SHUFFLED
from results.rows import Figure, Row
from results.statistics import Contrast, holm

LEVEL = 0.05
PART = " of "
"""Between a metric and the part of the test set that it is taken over."""

GUESSES = ("chance", "majority class", "majority tag", "uniform", SHUFFLED)
"""Simple methods that read nothing, or nothing that is true."""


@dataclass(frozen=True, eq=False)
class Finding:
    """One primary figure of a probe.

    Attributes:
        figure: which.
        models: that have it, best first by their mean over seeds.
        ranking: those of them that have left the plateau and spent the budget.
        contrasts: of every two of the ranking, the first minus the second, in its order.
        leader: the best of the ranking, where it is better than every model of other objectives.
        p: that the leader leads, adjusted over all primary figures; 1 without one.
        sign: 1, or -1 where lower is better.
    """

    figure: Figure
    models: tuple[Row, ...]
    ranking: tuple[Row, ...]
    contrasts: dict[tuple[Row, Row], Contrast]
    leader: Row | None
    p: float
    sign: int

    @property
    def resolved(self) -> bool:
        """Whether the leader's lead is more than chance."""
        return self.leader is not None and self.p < LEVEL

    @property
    def seeds(self) -> int:
        """Shared by the leader and every rival."""
        if self.leader is None:
            return 0
        return min(len(c.seeds) for c in _against(self.leader, self.contrasts).values())

    @property
    def nearest(self) -> tuple[Row, Contrast] | None:
        """The rival that the leader is least sure to be better than."""
        if self.leader is None:
            return None
        rivals = _against(self.leader, self.contrasts)
        return max(rivals.items(), key=lambda pair: pair[1].p)


def probe_figures(stratum: Stratum) -> list[Figure]:
    """Every probe figure over a whole test set, in the order of the records."""
    return [figure for figure in stratum.measures("probe ") if PART not in figure[1]]


def primary_figures(stratum: Stratum) -> list[Figure]:
    """The figures that `measures.primary` declares; of a probe without one, its main figure.

    A probe whose declared figures were not measured is one without.
    """
    names = {
        (f"probe {probe}", metric)
        for probe, _, metric in (
            name.rpartition(" ") for name in stratum.record.config["measures"]["primary"]
        )
    }
    figures = probe_figures(stratum)
    declared = {
        (measure, metric)
        for measure, metric in figures
        if (stratum.raw.get(measure, measure), metric) in names
    }
    named = {measure for measure, _ in declared}
    main = {
        measure: given[0].name
        for row in stratum.models
        for measure, given in row.record.metrics.items()
        if given
    }
    chosen: list[Figure] = []
    undeclared: set[str] = set()
    for measure, metric in figures:
        raw = stratum.raw.get(measure, measure)
        if (measure, metric) in declared:
            chosen.append((measure, metric))
        elif measure not in named | undeclared and main.get(raw) in (None, metric):
            chosen.append((measure, metric))
            undeclared.add(measure)
    return chosen


def findings(stratum: Stratum) -> list[Finding]:
    """Every primary figure, ranked among the models that left the plateau at the same budget.

    A figure is led by its best model if that is better than every model of other objectives. Each
    of them must be passed, so that within a figure nothing needs correcting (an intersection-union
    test: Berger 1982) unless several settings of one objective had a try; over figures Holm's
    adjustment is made.
    """
    found = []
    unranked = [
        row for row in stratum.models if plateau(stratum, row) or off_budget(row) is not None
    ]
    for figure in primary_figures(stratum):
        scored = [(e.value, row) for row in stratum.models if (e := stratum.estimate(row, *figure))]
        sign = stratum.metric(figure).sign
        scored.sort(key=lambda pair: -sign * pair[0])
        models = tuple(row for _, row in scored)
        ranking = tuple(row for row in models if row not in unranked)
        contrasts = {
            (first, second): contrast
            for first, second in combinations(ranking, 2)
            if (contrast := stratum.contrast(first, second, *figure))
        }
        best = _best([(value, row) for value, row in scored if row in ranking])
        leader, p = _lead(best, ranking, contrasts, sign)
        found.append((figure, models, ranking, contrasts, leader, p, sign))
    adjusted = holm([p for *_, p, _ in found])
    return [
        Finding(figure, models, ranking, contrasts, leader, p, sign)
        for (figure, models, ranking, contrasts, leader, _, sign), p in zip(
            found, adjusted, strict=True
        )
    ]


def _best(scored: Sequence[tuple[float, Row]]) -> list[Row]:
    """The rows with the best figure, or none where two objectives tie at it."""
    best = [row for value, row in scored if math.isclose(value, scored[0][0])]
    return best if len({row.objective for row in best}) == 1 else []


def _lead(
    best: Sequence[Row],
    ranking: tuple[Row, ...],
    contrasts: dict[tuple[Row, Row], Contrast],
    sign: int,
) -> tuple[Row | None, float]:
    """The one of the best that is better than all its rivals, and the probability of that."""
    for row in best:
        rivals = _against(row, contrasts)
        if not rivals or any(sign * contrast.difference <= 0 for contrast in rivals.values()):
            continue
        alike = [other for other in ranking if other.objective == row.objective]
        others = [other for other in ranking if other.objective != row.objective]
        if {other.objective for other in others} - {other.objective for other in rivals}:
            return row, 1.0  # one of them shares no seed with it
        tries = len(alike) if others else 1  # its settings are then ranked among themselves
        return row, min(1.0, tries * max(contrast.p for contrast in rivals.values()))
    return None, 1.0


def _differences(row: Row, contrasts: dict[tuple[Row, Row], Contrast]) -> dict[Row, Contrast]:
    """Of a row to every other that it was contrasted with."""
    found = {second: c for (first, second), c in contrasts.items() if first is row}
    return found | {first: c.reversed for (first, second), c in contrasts.items() if second is row}


def _against(row: Row, contrasts: dict[tuple[Row, Row], Contrast]) -> dict[Row, Contrast]:
    """Of a row to its rivals: rows of other objectives under the same shared settings.

    Where only one objective was trained, its other settings are the rivals.
    """
    found = _differences(row, contrasts)
    others = {other: c for other, c in found.items() if other.objective != row.objective}
    alike = {other: c for other, c in others.items() if shared(other) == shared(row)}
    return alike or others or found


def shared(row: Row) -> dict[str, object]:
    """Settings that are not an objective's own."""
    return {k: v for k, v in row.settings.items() if not k.startswith("objective.")}


def best_simple(stratum: Stratum, figure: Figure) -> Row | None:
    """The best simple method on a probe, guesses left out."""
    scored = [
        (estimate.value, row)
        for row in stratum.baselines
        if row.method not in GUESSES and (estimate := stratum.estimate(row, *figure))
    ]
    sign = stratum.metric(figure).sign
    return max(scored, key=lambda pair: sign * pair[0])[1] if scored else None


@dataclass(frozen=True)
class Floors:
    """Where a model stands beside what needs no training, by 95 % intervals of the differences.

    Attributes:
        start: model minus the untrained one, or None where one of them has no figure.
        simple: model minus the best simple method, or None.
        sign: 1, or -1 where lower is better.
    """

    start: Contrast | None
    simple: Contrast | None
    sign: int = 1

    @property
    def beside_start(self) -> int | None:
        """1 better, -1 worse, 0 open; None without a figure to stand beside."""
        return None if self.start is None else self.sign * self.start.sign

    @property
    def beside_simple(self) -> int | None:
        """The same of the best simple method."""
        return None if self.simple is None else self.sign * self.simple.sign


def floors(stratum: Stratum, row: Row, figure: Figure) -> Floors:
    """A model beside its start and the best simple method."""
    start, simple = stratum.start_of(row), best_simple(stratum, figure)
    return Floors(
        stratum.contrast(row, start, *figure) if start else None,
        stratum.contrast(row, simple, *figure) if simple else None,
        stratum.metric(figure).sign,
    )
