"""The answer in a few sentences: which objective wins what, how sure, what would change it."""

from dataclasses import dataclass
from itertools import combinations

from results.comparison import Row, Stratum, contrast
from results.statistics import Contrast, holm
from results.tables import best_simple, number, probe_columns, probe_title, solved_at_start

LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """One primary figure of a probe.

    Attributes:
        measure, metric: which.
        ranking: models that have it, best first.
        contrasts: of every two of them, with the p value adjusted over all primary contrasts.
    """

    measure: str
    metric: str
    ranking: tuple[Row, ...]
    contrasts: dict[tuple[str, str], tuple[Contrast, float]]

    @property
    def title(self) -> str:
        """The figure's name."""
        return probe_title(self.measure, self.metric)

    def resolved(self, first: Row, second: Row) -> bool:
        """Whether the two differ by more than chance, over all primary contrasts."""
        found = self.between(first, second)
        return found is not None and found[1] < LEVEL

    def between(self, first: Row, second: Row) -> tuple[Contrast, float] | None:
        """The contrast of two models and its adjusted p value."""
        return self.contrasts.get((first.label, second.label))

    @property
    def winner(self) -> Row | None:
        """The best model, if it is resolved from the second."""
        best = self.ranking[:2]
        return best[0] if len(best) == 2 and self.resolved(best[0], best[1]) else None


def primary_figures(stratum: Stratum) -> list[tuple[str, str]]:
    """The figures declared in the configuration that were measured, or else one a probe."""
    measured = probe_columns(stratum)
    declared = [tuple(name.rsplit(" ", 1)) for name in stratum.record.config["measures"]["primary"]]
    wanted = [(f"probe {probe}", metric) for probe, metric in declared]
    chosen = [figure for figure in measured if figure in wanted]
    covered = {measure for measure, _ in chosen}
    # The user's own probes are what they came for, declared or not.
    return chosen + [figure for figure in measured if figure[0] not in covered | _named(wanted)]


def _named(figures: list[tuple[str, str]]) -> set[str]:
    return {measure for measure, _ in figures}


def findings(stratum: Stratum) -> list[Finding]:
    """Every primary figure, ranked, with Holm's adjustment over all their contrasts."""
    ranked = []
    for measure, metric in primary_figures(stratum):
        scored = [
            (estimate.value, row)
            for row in stratum.models
            if (estimate := row.estimate(measure, metric))
        ]
        scored.sort(key=lambda pair: -pair[0])
        ranked.append((measure, metric, tuple(row for _, row in scored)))
    contrasts = [
        (index, (first, second), found)
        for index, (measure, metric, ranking) in enumerate(ranked)
        for first, second in combinations(ranking, 2)
        if (found := contrast(first, second, measure, metric))
    ]
    adjusted = holm([found.p for _, _, found in contrasts])
    results = []
    for index, (measure, metric, ranking) in enumerate(ranked):
        own = {
            (first.label, second.label): (found, p)
            for (where, (first, second), found), p in zip(contrasts, adjusted, strict=True)
            if where == index
        }
        results.append(Finding(measure, metric, ranking, own))
    return results


def verdict(stratum: Stratum) -> str:
    """Two to four sentences for somebody who reads nothing else."""
    if not stratum.models:
        return "No run finished, so there is nothing to say; the reasons stand below."
    if len(stratum.models) == 1:
        only = stratum.models[0].label
        return (
            f"Only **{only}** was trained under this model, budget, tokenizer and data, so "
            "nothing is ranked: run several objectives in one command to compare them."
        )
    found = findings(stratum)
    sentences = [_who_wins(found), _against_floors(stratum, found), _how_sure(stratum, found)]
    sentences.append(_what_would_change(stratum))
    return " ".join(sentence for sentence in sentences if sentence)


def _who_wins(found: list[Finding]) -> str:
    wins: dict[str, list[str]] = {}
    open_figures = []
    for finding in found:
        winner = finding.winner
        if winner is None:
            if len(finding.ranking) > 1:
                open_figures.append(finding)
            continue
        between = finding.between(winner, finding.ranking[1])
        assert between is not None
        difference = between[0]
        wins.setdefault(winner.label, []).append(
            f"{finding.title} (by {number(difference.difference)} over "
            f"{finding.ranking[1].label}, {number(difference.low)} to {number(difference.high)})"
        )
    parts = [f"**{label}** wins {_listed(figures)}" for label, figures in wins.items()]
    text = ("; ".join(parts) + ".") if parts else "No objective wins any primary figure."
    if open_figures:
        named = _listed(
            [
                f"{f.title} ({f.ranking[0].label} is ahead of {f.ranking[1].label})"
                for f in open_figures
            ]
        )
        text += f" Not resolved: {named}."
    return text


def _against_floors(stratum: Stratum, found: list[Finding]) -> str:
    beaten, floored = [], []
    for finding in found:
        if not finding.ranking:
            continue
        best = finding.ranking[0].estimate(finding.measure, finding.metric)
        simple = best_simple(stratum, finding.measure, finding.metric)
        estimate = simple.estimate(finding.measure, finding.metric) if simple else None
        if best and simple and estimate and best.value < estimate.value:
            beaten.append(f"{finding.title} ({simple.label} {number(estimate.value)})")
        untrained = stratum.untrained
        start = untrained.estimate(finding.measure, finding.metric) if untrained else None
        if best and start and best.value <= start.value:
            floored.append(finding.title)
    text = ""
    if beaten:
        text += f"At this budget no model reaches simple word statistics on {_listed(beaten)}."
    if floored:
        text += f" Training gained nothing over the {stratum.start} model on {_listed(floored)}."
    return text.strip()


def _how_sure(stratum: Stratum, found: list[Finding]) -> str:
    contrasts = sum(len(finding.contrasts) for finding in found)
    over = {c.over for finding in found for c, _ in finding.contrasts.values()}
    seeds = min(len(row.runs) for row in stratum.models)
    if "seeds" in over:
        return (
            f"How sure: {seeds} seeds, Student's t over shared seeds, p values adjusted (Holm) "
            f"over {contrasts} contrasts."
        )
    return (
        "How sure: one seed, so the intervals cover other test examples and not other "
        f"initializations; p values are adjusted (Holm) over {contrasts} contrasts."
    )


def _what_would_change(stratum: Stratum) -> str:
    changes = []
    if min(len(row.runs) for row in stratum.models) < 3:
        changes.append("more seeds (`seed=0,1,2 -m`)")
    falling = [row.label for row in stratum.models if _still_falling(stratum, row)]
    if falling:
        changes.append(
            f"a larger budget (the held-out loss of {_listed(falling)} was still falling by more "
            "than 1 % over the last fifth)"
        )
    changes.append("learning rates tuned for each objective, which these are not")
    return f"What would change it: {_listed(changes)}."


def _still_falling(stratum: Stratum, row: Row) -> bool:
    record, curve = row.runs[0].record, row.runs[0].curve
    if solved_at_start(stratum, f"loss {record.objective}"):
        return False  # 1 % of next to nothing
    if "held_out" not in curve:
        return False
    points = curve.dropna(subset=["held_out"])
    before = points[points["progress"] <= 0.81]
    if before.empty or len(points) < 3:
        return False
    return bool(points["held_out"].iloc[-1] < 0.99 * before["held_out"].iloc[-1])


def _listed(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]
