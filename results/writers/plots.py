"""Figures beside the report: loss curves and probe bars, as SVG or PNG, the same every time."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from results.comparison import Stratum
from results.curves import axis_of, draws_training
from results.figures import quantity
from results.rows import Row
from results.text import visible
from results.titles import figure_title

# Okabe and Ito 2008: told apart by readers with any colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#555555")
BASELINE, UNTRAINED, INK = "#c8c8c8", "#8c8c8c", "#333333"
COLUMNS = 2
"""Panels side by side: more would not be read on a page."""

STYLE: Any = {
    "svg.hashsalt": "compare",
    "svg.fonttype": "none",
    "text.parse_math": False,  # names are shown as typed
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
        by_objective.setdefault(row.objective, []).append(row)
    most = max(map(len, by_objective.values()))
    with plt.rc_context(STYLE):
        columns = min(COLUMNS, len(by_objective))
        lines = -(-len(by_objective) // columns)
        canvas, panels = plt.subplots(
            lines, columns, figsize=(3.3 * columns, lines * (2.9 + 0.13 * most)), squeeze=False
        )
        for axes, (name, rows) in zip(panels.flat, by_objective.items(), strict=False):
            _draw_objective(axes, stratum, name, rows)
        for axes in list(panels.flat)[len(by_objective) :]:
            axes.axis("off")
        _save(canvas, file)


def _draw_objective(axes: Axes, stratum: Stratum, name: str, rows: list[Row]) -> None:
    """The curves of one objective's rows, with a key of its own below."""
    colours = _colours(rows if len(rows) > 1 else stratum.models)
    trained = draws_training(rows)
    for row in rows:
        _draw_curves(axes, row, colours[row.label], trained=trained)
    measure = f"loss {name}"
    for baseline in ("uniform", "unigram"):
        _draw_baseline(axes, stratum, stratum.baseline(baseline), measure)
    axes.set_title(visible(name))
    axes.set_xlabel("training FLOPs")
    axes.set_ylabel(visible(axis_of(stratum, rows, measure)))
    axes.xaxis.set_major_formatter(lambda value, _: quantity(value) if value else "0")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
    axes.margins(x=0.02)
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
    training = Line2D([], [], color=INK, alpha=0.35, linewidth=1, label="training")
    keys = [training] if trained else []
    held_out = _held_out(rows[0])
    for column, line in zip(held_out, LINES, strict=False):
        shown = visible(column).replace("_", "-", 1)
        keys.append(
            Line2D([], [], color=INK, linestyle=line, marker="o", markersize=3, label=shown)
        )
    if len(rows) > 1:
        keys += [
            Line2D([], [], color=colours[row.label], lw=3, label=_folded(row, 2 * LABEL))
            for row in rows
        ]
    axes.legend(
        handles=keys, frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.22)
    )


LABEL = 28
"""Characters of a line of a row's label, which may name several settings."""

LINES: tuple[Any, ...] = ("-", "--", ":", "-.")


def _held_out(row: Row) -> list[str]:
    curve = row.models[0].runs[0].curve
    return [str(name) for name in curve.columns if str(name).startswith("held_out")]


def plot_probes(stratum: Stratum, figures: Sequence[tuple[str, str]], file: Path) -> None:
    """Every primary probe figure, a panel each: simple methods, the untrained model, models."""
    columns = min(COLUMNS, len(figures))
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


def _draw_curves(axes: Axes, row: Row, colour: str, *, trained: bool) -> None:
    for model in row.models:
        curve = model.runs[0].curve
        if trained:
            axes.plot(curve["flops"], curve["loss"], color=colour, alpha=0.35, linewidth=1)
        for name, line in zip(_held_out(row), LINES, strict=False):
            if name not in curve:
                continue
            points = curve.dropna(subset=[name])
            axes.plot(
                points["flops"],
                points[name],
                color=colour,
                linestyle=line,
                linewidth=1.8,
                marker="o",
                markersize=3,
            )


def _draw_baseline(axes: Axes, stratum: Stratum, row: Row | None, measure: str) -> None:
    estimate = stratum.estimate(row, measure, "nats") if row else None
    if row is None or estimate is None:
        return
    axes.axhline(estimate.value, color=BASELINE, linewidth=1, linestyle="--", zorder=0)
    axes.annotate(
        visible(row.label),
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
    furthest = 0.0
    for place, row in enumerate(rows):
        estimate = stratum.estimate(row, *figure)
        assert estimate is not None
        colour = {"baselines": BASELINE, "untrained": UNTRAINED}.get(row.kind) or colours[row.label]
        axes.barh(place, estimate.value, color=colour, height=0.7)
        end = max(estimate.value, 0.0)
        if estimate.low is not None and estimate.high is not None:
            axes.plot([estimate.low, estimate.high], [place, place], color=INK, linewidth=1.2)
            end = max(estimate.high, 0.0)
        axes.text(end, place, f"  {estimate.value:.3f}", va="center", fontsize=7.5)
        furthest = max(furthest, end)
    axes.set_yticks(range(len(rows)), [_folded(row, LABEL) for row in rows])
    axes.invert_yaxis()
    axes.set_title(visible(figure_title(stratum, figure)).replace(": ", ":\n", 1), fontsize=9)
    left = min(0.0, axes.get_xlim()[0])
    width = furthest - left or 1.0
    axes.set_xlim(left, furthest + 0.24 * width)  # room for the last label
    axes.tick_params(axis="y", length=0)


def _folded(row: Row, width: int) -> str:
    return fill(visible(row.label), width)


def _scored(stratum: Stratum, measure: str, metric: str) -> list[Row]:
    return [row for row in stratum.rows if stratum.estimate(row, measure, metric) is not None]


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    return {row.label: COLOURS[index % len(COLOURS)] for index, row in enumerate(rows)}


METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}
"""By the ending of a file: dates and versions, which are left out."""

DOTS_PER_INCH = 200
"""Of a PNG; SVG has none."""


def _save(figure: Any, file: Path) -> None:
    """Write what the file's ending says.

    Letters that the one font lacks, which is the same everywhere, are boxes in a PNG; in an SVG
    they are text, for which readers find another font.
    """
    form = file.suffix.removeprefix(".")
    size = {"dpi": DOTS_PER_INCH} if form == "png" else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        warnings.filterwarnings("ignore", "Tight layout not applied", UserWarning)
        figure.tight_layout()
        figure.savefig(file, format=form, metadata=METADATA[form], **size)
    plt.close(figure)
