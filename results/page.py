"""What a report is made of: sections of prose, tables and figures, before any of it is written.

Texts are as typed: a writer escapes what its format would take for its own. Parts that stand out
are enclosed in marks, so that texts can be put together like any others.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal

from results.statistics import Contrast, Estimate

_STRONG, _CODE, _END = "\ue000", "\ue001", "\ue002"
_MARKED = re.compile(f"([{_STRONG}{_CODE}])([^{_END}]*){_END}")

SpanKind = Literal["plain", "strong", "code"]


def strong(text: str) -> str:
    """A part that stands out, in one line."""
    return f"{_STRONG}{_one_line(text)}{_END}"


def code(text: str) -> str:
    """A part that can be typed as it is, in one line."""
    return f"{_CODE}{_one_line(text)}{_END}"


def _one_line(text: str) -> str:
    """Lines of a cell stand below each other, and no mark may begin in one and end in another."""
    return re.sub(r"[\r\n]+", " ", text)


def spans(text: str) -> Iterator[tuple[SpanKind, str]]:
    """The parts of a text, in order."""
    place = 0
    for found in _MARKED.finditer(text):
        if found.start() > place:
            yield "plain", text[place : found.start()]
        yield "strong" if found[1] == _STRONG else "code", found[2]
        place = found.end()
    if place < len(text):
        yield "plain", text[place:]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table: a figure, or a text, or pictures.

    Attributes:
        value: the figure, or None.
        low, high: limits of its 95 % interval, or None.
        form: of the figure and its limits.
        text: where there is no figure; several lines are set below each other.
        note: behind the figure, in brackets.
        marks: behind it, of its standing beside floors.
        strong: whether it stands out.
        weak: whether it stands back, as what models are held against.
        pictures: PNG files' content.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    form: str = ".3f"
    text: str = ""
    note: str = ""
    marks: str = ""
    strong: bool = False
    weak: bool = False
    pictures: tuple[bytes, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.value is None and not self.text and not self.pictures


def apart(marks: str) -> list[str]:
    """Marks of different meaning, each by itself: of `††‡` `††` and `‡`."""
    return ["".join(alike) for _, alike in groupby(marks)]


EMPTY = Cell()
"""Where a table has no figure."""


def words(text: str, *, weak: bool = False) -> Cell:
    """A cell with a text."""
    return Cell(text=text, weak=weak)


def figure(value: float | None, form: str = ".3f") -> Cell:
    """A cell with a figure of which no interval is shown, or none."""
    return Cell(value=value, form=form)


def estimated(estimate: Estimate | None, *, marks: str = "", interval: bool = True) -> Cell:
    """A cell with a figure and its interval, or none."""
    if estimate is None:
        return EMPTY
    low, high = (estimate.low, estimate.high) if interval else (None, None)
    return Cell(value=estimate.value, low=low, high=high, marks=marks)


def differing_by(contrast: Contrast | None) -> Cell:
    """A cell with a difference, which stands out where its interval excludes 0, or none."""
    if contrast is None:
        return EMPTY
    return Cell(
        value=contrast.difference,
        low=contrast.low,
        high=contrast.high,
        form="+.3f",
        note="" if contrast.low is not None else "no interval",
        strong=bool(contrast.sign),
    )


@dataclass(frozen=True)
class Prose:
    """A paragraph.

    Attributes:
        text: all of it.
        sentences: the same in parts, where the first two are the answer to what a page asks.
    """

    text: str
    sentences: Sequence[str] = ()


@dataclass(frozen=True)
class Bullets:
    """A list of short texts."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        header: of the columns; the first names the rows.
        rows: as long as the header each.
        title: what stands above it, where several tables follow on each other.
        shaded: columns, counted from 0, whose figures are of one kind, the lower the better, so
            that colours may help to compare them.
        about: figures that it shows; what is folded under these titles is more on them.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    shaded: Sequence[int] = ()
    about: Sequence[str] = ()


def stands_right(table: Table, column: int) -> bool:
    """Whether a column holds figures, or texts that all look like some, and no other texts."""
    cells = [row[column] for row in table.rows]
    if column == 0 or any(cell.pictures for cell in cells):
        return False
    if any(cell.value is not None for cell in cells):
        return True
    return all(re.match(r"[-+<]? ?\d", cell.text) for cell in cells if cell.text)


@dataclass(frozen=True)
class Curve:
    """One model's line in a panel of a chart.

    Attributes:
        label: whose it is.
        group: curves of one group share a colour.
        points: a row each: where it lies on every axis, then every measure; None for what was not
            taken there.
    """

    label: str
    group: int
    points: Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Panel:
    """Curves that share a vertical axis.

    Attributes:
        title: of what.
        quantity: of the vertical axis.
        measures: what the curves show, in the order of their points.
        curves: one a model.
        levels: what stays the same all along, by name.
    """

    title: str
    quantity: str
    measures: Sequence[str]
    curves: Sequence[Curve]
    levels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Chart:
    """Curves as data.

    Attributes:
        axes: what the curves can be drawn over, one at a time.
        shown: which of the axes is drawn first.
        panels: beside each other.
    """

    axes: Sequence[str]
    shown: int
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Drawing:
    """A picture of figures.

    Attributes:
        name: of its file.
        alt: in words.
        draw: makes the file, SVG or PNG as its ending says.
        chart: the same as data, for writers that draw by themselves.
    """

    name: str
    alt: str
    draw: Callable[[Path], None]
    chart: Chart | None = None


@dataclass(frozen=True)
class Fold:
    """Blocks that a reader may leave aside.

    Attributes:
        title: what they are about; a table that says the same of itself leads to them.
        blocks: in their order.
    """

    title: str
    blocks: Sequence[Prose | Bullets | Table]


Block = Prose | Bullets | Table | Drawing | Fold


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading; without one it goes on below the heading before.
        blocks: in their order.
    """

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Part:
    """All about runs that may be ranked with each other.

    Attributes:
        title: of what, where a page has several parts.
        sections: in their order.
    """

    title: str
    sections: Sequence[Section]


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title: its heading.
        parts: one for all runs that may be ranked with each other.
        sources: where the figures come from.
        built: when and by what, the one line that is not the same every time.
    """

    title: str
    parts: Sequence[Part]
    sources: Section
    built: str
