"""Figures beside the report: loss curves and probe bars, as SVG that is the same every time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from results.comparison import Row, Stratum
from results.tables import column_traits, probe_title, quantity

# Okabe and Ito 2008: told apart by readers with any colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#555555")
ANCHOR, UNTRAINED, INK = "#c8c8c8", "#8c8c8c", "#333333"

STYLE: Any = {
    "svg.hashsalt": "compare",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def plot_curves(stratum: Stratum, file: Path) -> None:
    """Loss over the budget, one panel an objective: losses of unlike units share no axis."""
    by_objective: dict[str, list[Row]] = {}
    for row in stratum.models:
        by_objective.setdefault(row.runs[0].record.objective, []).append(row)
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(
            1, len(by_objective), figsize=(3.3 * len(by_objective), 2.7), squeeze=False
        )
        colours = _colours(stratum.models)
        for axes, (name, rows) in zip(panels[0], by_objective.items(), strict=True):
            for row in rows:
                _draw_curves(axes, row, colours[row.label])
            measure = f"loss {name}"
            for anchor in ("uniform", "unigram"):
                _draw_anchor(axes, stratum.anchor(anchor), measure)
            unit = column_traits(stratum, measure).get("unit", "item")
            axes.set_title(name)
            axes.set_xlabel("training FLOPs")
            axes.set_ylabel(f"nats a {unit}")
            axes.xaxis.set_major_formatter(lambda value, _: quantity(value) if value else "0")
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
            axes.margins(x=0.02)
            axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
        panels[0][0].legend(
            frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(1.0, 0.92)
        )
        _save(figure, file)


def plot_probes(stratum: Stratum, figures: Sequence[tuple[str, str]], file: Path) -> None:
    """Every primary probe figure, a panel each: simple methods, the untrained model, models."""
    columns = min(3, len(figures))
    lines = -(-len(figures) // columns)
    most = max(len(_scored(stratum, *figure)) for figure in figures)
    with plt.rc_context(STYLE):
        canvas, panels = plt.subplots(
            lines, columns, figsize=(3.3 * columns, lines * (0.95 + 0.24 * most)), squeeze=False
        )
        colours = _colours(stratum.models)
        for axes, figure in zip(panels.flat, figures, strict=False):
            _draw_bars(axes, stratum, figure, colours)
        for axes in list(panels.flat)[len(figures) :]:
            axes.axis("off")
        _save(canvas, file)


def _draw_curves(axes: Axes, row: Row, colour: str) -> None:
    for index, run in enumerate(row.runs):
        curve = run.curve
        label = f"{row.label}, training" if index == 0 else None
        axes.plot(curve["flops"], curve["loss"], color=colour, alpha=0.35, linewidth=1, label=label)
        held_out = [name for name in curve.columns if name.startswith("held_out")]
        for name, line in zip(held_out, ("-", "--", ":", "-."), strict=False):
            points = curve.dropna(subset=[name])
            label = f"{row.label}, {name.replace('_', ' ')}" if index == 0 else None
            axes.plot(
                points["flops"],
                points[name],
                color=colour,
                linestyle=line,
                linewidth=1.8,
                marker="o",
                markersize=3,
                label=label,
            )


def _draw_anchor(axes: Axes, row: Row | None, measure: str) -> None:
    estimate = row.estimate(measure, "nats") if row else None
    if row is None or estimate is None:
        return
    axes.axhline(estimate.value, color=ANCHOR, linewidth=1, linestyle="--", zorder=0)
    axes.annotate(
        row.label,
        (1.0, estimate.value),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=7,
        color=UNTRAINED,
    )


def _draw_bars(
    axes: Axes, stratum: Stratum, figure: tuple[str, str], colours: dict[str, str]
) -> None:
    rows = _scored(stratum, *figure)
    for place, row in enumerate(rows):
        estimate = row.estimate(*figure)
        assert estimate is not None
        colour = {"anchors": ANCHOR, "untrained": UNTRAINED}.get(row.kind) or colours[row.label]
        axes.barh(place, estimate.value, color=colour, height=0.7)
        end = estimate.value
        if estimate.low is not None and estimate.high is not None:
            axes.plot([estimate.low, estimate.high], [place, place], color=INK, linewidth=1.2)
            end = estimate.high
        axes.text(end, place, f" {estimate.value:.3f}", va="center", fontsize=7.5)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.invert_yaxis()
    axes.set_title(probe_title(*figure).replace(": ", ":\n", 1), fontsize=9)
    axes.set_xlim(right=axes.get_xlim()[1] * 1.12)
    axes.tick_params(axis="y", length=0)


def _scored(stratum: Stratum, measure: str, metric: str) -> list[Row]:
    return [row for row in stratum.rows if row.estimate(measure, metric) is not None]


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    return {row.label: COLOURS[index % len(COLOURS)] for index, row in enumerate(rows)}


def _save(figure: Any, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
