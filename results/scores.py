"""Tables of probe scores, of what training gave, and of the primary contrasts."""

from collections.abc import Sequence

from results.comparison import Stratum
from results.findings import PART, best_simple, findings, floors, primary_figures, probe_figures
from results.learning import plateau
from results.markdown import (
    DASH,
    escape,
    limits,
    number,
    probability,
    signed,
    table,
    with_interval,
)
from results.rows import Figure, Row
from results.statistics import holm
from results.titles import METRIC_NAMES, figure_title

WIDE = 6
"""Figures that one table shows side by side."""


UNRANKED = " (plateau)"
"""Behind the name of a model that has not left it."""


def probe_tables(stratum: Stratum) -> list[dict[str, str]]:
    """Every model and simple method on every probe; many figures make a table a probe."""
    figures = probe_figures(stratum)
    if not figures:
        return []
    if len(figures) <= WIDE:
        titles = [escape(figure_title(figure)) for figure in figures]
        return [{"title": "", "table": _scores(stratum, figures, titles)}]
    by_probe: dict[str, list[Figure]] = {}
    for figure in figures:
        by_probe.setdefault(figure[0], []).append(figure)
    found = []
    for measure, members in by_probe.items():
        for start in range(0, len(members), WIDE):
            part = members[start : start + WIDE]
            titles = [escape(METRIC_NAMES.get(metric, metric)) for _, metric in part]
            title = escape(measure.removeprefix("probe "))
            found.append({"title": title, "table": _scores(stratum, part, titles)})
    return found


def part_tables(stratum: Stratum) -> list[dict[str, str]]:
    """Figures over parts of a test set, such as categories: a table a figure."""
    parts: dict[Figure, list[str]] = {}
    for measure, metric in stratum.measures("probe "):
        whole, found, part = metric.partition(PART)
        if found:
            parts.setdefault((measure, whole), []).append(part)
    return [
        {
            "title": escape(figure_title(figure)),
            "table": _scores(
                stratum,
                [(figure[0], f"{figure[1]}{PART}{name}") for name in names],
                [escape(name) for name in names],
            ),
        }
        for figure, names in parts.items()
    ]


def gain_table(stratum: Stratum) -> str:
    """What training gave: every model minus the one it began as, in every primary figure."""
    figures = primary_figures(stratum)
    if not stratum.untrained or not figures:
        return ""
    rows = []
    for row in stratum.models:
        gains = [floors(stratum, row, figure).start for figure in figures]
        rows.append([escape(row.label), *(signed(gain) if gain else DASH for gain in gains)])
    return table(["model", *(escape(figure_title(figure)) for figure in figures)], rows)


def contrast_table(stratum: Stratum) -> str:
    """Every two models that have left the plateau in every primary figure."""
    found = [
        (finding.figure, pair, contrast)
        for finding in findings(stratum)
        for pair, contrast in finding.contrasts.items()
    ]
    adjusted = holm([contrast.p for *_, contrast in found])
    rows = [
        [
            escape(figure_title(figure)),
            f"{escape(first.label)} minus {escape(second.label)}",
            number(contrast.difference),
            limits(contrast),
            probability(contrast.p),
            probability(p),
            contrast.over or DASH,
            ", ".join(map(str, contrast.seeds)),
        ]
        for (figure, (first, second), contrast), p in zip(found, adjusted, strict=True)
    ]
    header = ["figure", "contrast", "difference", "95 % interval", "p", "p of all (Holm)"]
    header += ["interval over", "seeds"]
    return table(header, rows) if rows else "There is nothing to contrast."


def _scores(stratum: Stratum, columns: Sequence[Figure], titles: Sequence[str]) -> str:
    rows = []
    for row in stratum.rows:
        cells = [_cell(stratum, row, figure) for figure in columns]
        if any(cell not in (DASH, "n/a") for cell in cells) or row.kind == "run":
            name = escape(row.label) + (UNRANKED if plateau(stratum, row) else "")
            rows.append([name if row.kind == "run" else f"*{name}*", *cells])
    return table(["model", *titles], rows)


def _cell(stratum: Stratum, row: Row, figure: Figure) -> str:
    estimate = stratum.estimate(row, *figure)
    if estimate is None:
        return "n/a" if row.kind != "anchors" else DASH
    return with_interval(estimate) + (marks(stratum, row, figure) if row.kind == "run" else "")


def marks(stratum: Stratum, row: Row, figure: Figure) -> str:
    """Where a model stands beside its floors, by the 95 % intervals of the differences."""
    found = floors(stratum, row, figure)
    text = ""
    if found.start is not None:
        text += {1: "", 0: "†", -1: "††"}[found.start.sign]
    if best_simple(stratum, figure) is not None and found.simple is not None:
        text += {1: "", 0: "‡", -1: "‡‡"}[found.simple.sign]
    return text
