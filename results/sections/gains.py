"""What training gave, and every two models beside each other, in the primary figures."""

from results.comparison import Stratum
from results.figures import limits, probability
from results.findings import findings, floors, primary_figures
from results.page import (
    Block,
    Cell,
    Prose,
    Section,
    Table,
    code,
    differing_by,
    figure,
    strong,
    words,
)
from results.rows import Row
from results.sections.probes import counted
from results.statistics import Contrast, holm
from results.titles import figure_title


def section(stratum: Stratum) -> Section | None:
    """Both tables, each below what it shows."""
    if not primary_figures(stratum):
        return None
    return Section("", [*_gains(stratum), *_contrasts(stratum)])


def _gains(stratum: Stratum) -> list[Block]:
    """Every model minus the one it began as."""
    if not stratum.untrained:
        return []
    figures = primary_figures(stratum)
    rows = [
        [
            words(row.label),
            *(_gain(row, floors(stratum, row, figure).start) for figure in figures),
        ]
        for row in stratum.models
    ]
    return [
        Prose(
            f"What training gave: each model minus the {stratum.start} one on the same test "
            f"examples, {strong('bold')} where its own 95 % interval excludes 0; the verdict "
            "corrects over all of these, and may leave such a difference open."
        ),
        Table(["model", *(figure_title(stratum, figure) for figure in figures)], rows),
    ]


def _gain(row: Row, contrast: Contrast | None) -> Cell:
    cell = differing_by(contrast)
    return counted(cell, row, len(contrast.seeds)) if contrast else cell


def _contrasts(stratum: Stratum) -> list[Block]:
    """Every two models that have left the plateau."""
    found = [
        (finding.figure, pair, contrast)
        for finding in findings(stratum)
        for pair, contrast in finding.contrasts.items()
    ]
    text = Prose(
        f"Every two models in the primary figures (those that {code('measures.primary')} names, "
        "and of other probes each one's main figure; all else is exploratory). Intervals and p are "
        "of each contrast by itself; the last p is adjusted over all of them."
    )
    if not found:
        return [text, Prose("There is nothing to contrast.")]
    adjusted = holm([contrast.p for *_, contrast in found])
    rows = [
        [
            words(figure_title(stratum, place)),
            words(f"{first.label} minus {second.label}"),
            figure(contrast.difference),
            words(limits(contrast)),
            words(probability(contrast.p)),
            words(probability(p)),
            words(contrast.over),
            words(", ".join(map(str, contrast.seeds))),
        ]
        for (place, (first, second), contrast), p in zip(found, adjusted, strict=True)
    ]
    header = ["figure", "contrast", "difference", "95 % interval", "p", "p of all (Holm)"]
    return [text, Table([*header, "interval over", "seeds"], rows)]
