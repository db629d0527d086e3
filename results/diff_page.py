"""The page of what changed from one study to another."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from results.comparison import strata
from results.diff import A, B, Difference, Pair, match_strata
from results.diff_settings import changed
from results.figures import probability
from results.findings import LEVEL
from results.formats import FOR_READING, Content, write_formats
from results.page import (
    Block,
    Bullets,
    Cell,
    Page,
    Part,
    Prose,
    Section,
    Table,
    code,
    differing_by,
    estimated,
    strong,
    words,
)
from results.record import RunRecord
from results.report import whole
from results.rows import Figure, Row, StoredRun
from results.sections.setup import summary
from results.statistics import holm
from results.store import ResultStore
from results.titles import figure_title, loss_title

Study = tuple[str, Sequence[tuple[RunRecord, ResultStore]]]
"""What was typed for it, and its records with the stores that hold their rows."""

OVER = "interval over, or why none"

HOW_TO_READ = (
    f"Difference: {B} minus {A} on the seeds that both have, over the same test examples, by the "
    f"method of every report; {strong('bold')} where its 95 % interval excludes 0. p is of each "
    "difference by itself, the last p adjusted over all of this comparison (Holm). Parts of test "
    "sets, terms of losses and geometry stand in each study's results.csv alone."
)


def write_diff(
    first: Study,
    second: Study,
    folder: Path,
    *,
    command: str,
    formats: Sequence[str] | None = None,
) -> Path:
    """Write diff.md into a folder named by the runs of both.

    Args:
        first: the study that is called A.
        second: the one called B.
        folder: the page's own folder is made below it.
        command: what was typed.
        formats: those to write (FOR_READING); None for Markdown.

    Returns:
        The path of diff.md, or of the folder where Markdown is not among the formats.

    Raises:
        ValueError: one of them has no run, or they have no objective in common.
    """
    sides: list[list[StoredRun]] = []
    notes: list[str] = []
    for name, (typed, found) in zip((A, B), (first, second), strict=True):
        runs, damaged = whole(found)
        notes += [f"left out of {name}: {run}: {why}" for run, why in sorted(damaged.items())]
        if not any(run.record.kind == "run" for run in runs):
            raise ValueError("; ".join([f"there is no run in {typed}", *damaged.values()]))
        sides.append(runs)
    labels = [{run.record.objective for run in side if run.record.kind == "run"} for side in sides]
    if not labels[0] & labels[1]:
        both = "; ".join(", ".join(sorted(each)) for each in labels)
        raise ValueError(
            f"the two have no objective in common ({both}), so that nothing can be held against "
            f"itself; `compare report {first[0]} {second[0]}` ranks objectives"
        )
    pairs, *lonely = match_strata(*(strata(side) for side in sides))
    for name, left in zip((A, B), lonely, strict=True):
        notes += [
            f"only in {name}: {summary(each.record)}: {_labels(each.models)}" for each in left
        ]
    when = datetime.now(UTC).isoformat(timespec="seconds")
    page = Page(
        title=f"What changed from {first[0]} ({A}) to {second[0]} ({B})",
        parts=[_part(pair) for pair in pairs],
        sources=_sources(sides, notes),
        built=f"Built {when} by {code(command)} (this line alone changes when it is made again).",
    )
    names = "\n".join(" ".join(run.record.name for run in side) for side in sides)
    target = folder / f"diff-{hashlib.sha256(names.encode()).hexdigest()[:8]}"
    records = [run.record for side in sides for run in side]
    chosen = FOR_READING[:1] if formats is None else formats
    write_formats(chosen, Content(page, records, "diff"), target)
    return target / "diff.md" if "markdown" in chosen else target


def _part(pair: Pair) -> Part:
    one, other = summary(pair.first.record), summary(pair.second.record)
    title = one if one == other else f"{one} ({A}), {other} ({B})"
    compared = [(rows, pair.differences(*rows)) for rows in pair.rows]
    adjusted = _adjusted(compared)
    return Part(
        title,
        [
            Section("In short", _in_short(pair, compared, adjusted)),
            Section("Settings that differ", _settings(pair)),
            Section("Figure by figure", _figures(pair, compared, adjusted)),
            *_only(pair),
        ],
    )


Compared = list[tuple[tuple[Row, Row], list[Difference]]]
Adjusted = dict[Difference, float]


def _adjusted(compared: Compared) -> Adjusted:
    """The p value of every difference with an interval, adjusted over all of them."""
    found = {
        each: each.p
        for rows, differences in compared
        for each in differences
        if each.p is not None and not _same_runs(*rows)
    }
    return dict(zip(found, holm(list(found.values())), strict=True))


def _in_short(pair: Pair, compared: Compared, adjusted: Adjusted) -> list[Block]:
    lines = []
    for (first, second), found in compared:
        signs = [_better(pair, each) for each in found if each.p is not None]
        comparable = sum(each.contrast is not None for each in found)
        counts = {
            f"better in {B}": signs.count(1),
            f"worse in {B}": signs.count(-1),
            "not told apart": signs.count(0),
            "without an interval": comparable - len(signs),
            "not comparable": len(found) - comparable,
        }
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        if any(signs):
            kept = sum(adjusted.get(each, 1.0) < LEVEL for each in found)
            told += f"; {kept} of the differences remain with all figures in view (Holm)"
        same = "the same runs in both" if _same_runs(first, second) else ""
        lines.append(f"{_names(first, second)}: {same or told or 'no figure that both have'}")
    if not lines:
        return [Prose("No objective was trained in both, so that no figure is compared.")]
    over = {each.contrast.over for _, found in compared for each in found if each.contrast}
    more = (
        " With one seed in common an interval is over test examples alone, and another seed may "
        "turn what it says."
        if "examples" in over
        else ""
    )
    return [
        Prose(f"Figures that both have, each by its own 95 % interval.{more}"),
        Bullets(lines + _controls(pair)),
    ]


def _better(pair: Pair, each: Difference) -> int:
    """1 where B is better by the interval, -1 where it is worse, else 0."""
    sign = each.contrast.sign if each.contrast else 0
    return sign * pair.joint.metric(each.figure).sign


def _controls(pair: Pair) -> list[str]:
    """Simple methods know nothing of training: on the same data they have the same figures."""
    methods = {row.method: row for row in pair.second.baselines}
    found = [
        each
        for row in pair.first.baselines
        if row.method in methods
        for each in pair.differences(row, methods[row.method])
        if each.contrast is not None
    ]
    if not found:
        return []
    equal = sum(each.first.value == each.second.value for each in found)
    what = f"{equal} of {len(found)} figures of simple methods on the same data are equal"
    if equal == len(found):
        return [f"{what}, as they must be"]
    return [f"{strong('Measured unlike')}: only {what}, so what measures has changed too"]


def _settings(pair: Pair) -> list[Block]:
    rows = [[words(text) for text in line] for line in changed(pair.first, pair.second)]
    if not rows:
        return [Prose("None: both were made by the same settings, data and code.")]
    text = "What the figures differ by comes of all of these together:"
    return [Prose(text), Table(["setting", A, B], rows)]


def _figures(pair: Pair, compared: Compared, adjusted: Adjusted) -> list[Block]:
    tables: list[Block] = [
        Table(
            ["figure", A, B, f"{B} minus {A}", "p", "p of all (Holm)", OVER, "seeds"],
            [_line(pair, rows, each, adjusted) for each in found],
            _names(*rows),
        )
        for rows, found in compared
        if found
    ]
    if not tables:
        return [Prose("There is nothing to compare.")]
    return [Prose(HOW_TO_READ), *tables]


def _line(pair: Pair, rows: tuple[Row, Row], each: Difference, adjusted: Adjusted) -> list[Cell]:
    start = [words(_title(pair, each.figure)), estimated(each.first), estimated(each.second)]
    contrast = each.contrast
    if _same_runs(*rows):
        return [*start, words("the same runs"), *[Cell()] * 4]
    if contrast is None:
        return [*start, words("not comparable"), Cell(), Cell(), words(each.why), Cell()]
    difference, seeds = differing_by(contrast), words(", ".join(map(str, contrast.seeds)))
    if each.p is None:
        return [*start, difference, Cell(), Cell(), words(each.why), seeds]
    note = {1: f"{B} better", -1: f"{B} worse", 0: ""}[_better(pair, each)]
    return [
        *start,
        replace(difference, note=note),
        words(probability(each.p)),
        words(probability(adjusted[each])),
        words(contrast.over),
        seeds,
    ]


def _only(pair: Pair) -> list[Section]:
    """Models and figures without a partner, and runs that failed."""
    lines = []
    sides = zip((A, B), (pair.first, pair.second), pair.only, strict=True)
    for name, stratum, rows in sides:
        lines += [f"only in {name}: {_labels(rows)}"] if rows else []
        lines += [f"failed in {name}: {each.name}: {each.error}" for each in stratum.failed]
    for both in pair.rows:
        for name, figures in zip((A, B), pair.figures_of_one(*both), strict=True):
            if figures:
                titles = "; ".join(_title(pair, figure) for figure in figures)
                lines.append(f"{_names(*both)}, only in {name}: {titles}")
    return [Section("What only one of them has", [Bullets(lines)])] if lines else []


def _title(pair: Pair, figure: Figure) -> str:
    measure, metric = figure
    if not measure.startswith("loss "):
        return figure_title(pair.joint, figure)
    title = pair.joint.metric(figure).title
    if metric == "nats":
        return loss_title(pair.joint, measure)
    if metric == "adapted":
        return f"{loss_title(pair.joint, measure)}, adapted head"
    return f"{measure.removeprefix('loss ')}: {title or metric}"


def _same_runs(first: Row, second: Row) -> bool:
    """Whether every record of the one is one of the other, with the same figures."""
    one, other = (
        {run.record.name: run.record.values for model in row.models for run in model.runs}
        for row in (first, second)
    )
    return one == other


def _names(first: Row, second: Row) -> str:
    if first.label == second.label:
        return first.label
    return f"{first.label} in {A}, {second.label} in {B}"


def _labels(rows: Sequence[Row]) -> str:
    return ", ".join(row.label for row in rows) or "no finished run"


def _sources(sides: Sequence[Sequence[StoredRun]], notes: Sequence[str]) -> Section:
    lines = [
        f"{name}: {', '.join(code(run.record.name) for run in side)}"
        for name, side in zip((A, B), sides, strict=True)
    ]
    return Section("Where the figures come from", [Bullets([*lines, *notes])])
