"""A page as one HTML file that needs no network: sortable tables, curves to point at, two themes.

Whatever users typed is shown as typed. Only the script and the style sheet that are written here
may run, by their hashes, and nothing may be fetched.
"""

import base64
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from itertools import product
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from results.page import (
    Block,
    Cell,
    Drawing,
    Fold,
    Page,
    Section,
    Table,
    apart,
    spans,
    stands_right,
)
from results.text import visible

FILE = "report.html"

DASH = "\N{EN DASH}"
"""Where a table has no figure."""

SHADES = 8
"""Steps from a column's highest figure to its lowest; the style sheet has a colour for each."""

COLOURS = 8
"""Of curves, in the style sheet."""

SPARE = 200_000
"""Characters that a drawing may take of a page which draws its chart by script: of many runs it
would be larger than all else, for readers without scripts, who have the tables of its points."""


def write_html(page: Page, folder: Path) -> Path:
    """Write `report.html` into a folder; of its drawings those that are not there are drawn.

    Returns:
        The path of the file.
    """
    style, script = (_asset(f"report.{ending}") for ending in ("css", "js"))
    several = len(page.parts) > 1
    names = _Names()
    parts = [
        _Part(
            title=part.title if several else "",
            name=names.new(f"comparison {number}") if several else "",
            sections=_headed(part.sections, names, folder, number),
        )
        for number, part in enumerate(page.parts, start=1)
    ]
    (sources,) = _headed([page.sources], names, folder, 1)
    text = (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=page,
            parts=parts,
            sources=sources,
            pictures=_pictures([*(s for part in parts for s in part.sections), sources]),
            script=Markup(script),
            style=Markup(style),
            policy=policy(script, style),
        )
    )
    file = folder / FILE
    file.write_text(text.lstrip(), encoding="utf-8")
    return file


def policy(script: str, style: str) -> str:
    """What a browser may do with the page: run this script, use this style, show its pictures."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def inline(text: str) -> Markup:
    """A text as typed, its parts that stand out in HTML's way."""
    tags = {"plain": "{}", "strong": "<strong>{}</strong>", "code": "<code>{}</code>"}
    return Markup("").join(Markup(tags[kind]).format(visible(part)) for kind, part in spans(text))


def plain(text: str) -> str:
    """A text as typed, where no part can stand out."""
    return visible("".join(part for _, part in spans(text)))


def shade(table: Table, row: int, column: int) -> int | None:
    """The step of a figure's colour within its column, 0 for the highest; None for no colour."""
    if column not in table.shaded:
        return None
    found = [cells[column].value for cells in table.rows]
    values = [value for value in found if value is not None and math.isfinite(value)]
    value = found[row]
    if value is None or not math.isfinite(value) or min(values) == max(values):
        return None
    share = (max(values) - value) / (max(values) - min(values))
    return min(int(share * SHADES), SHADES - 1)


def number(value: float | None) -> str:
    """A coordinate of a curve's point, in six digits."""
    return "" if value is None else f"{value:.6g}"


def picture(content: bytes) -> str:
    """The name of a picture, which stands in a page once however often it is shown."""
    return f"picture-{hashlib.sha256(content).hexdigest()[:12]}"


class _Names:
    """Names of anchors, each given once."""

    def __init__(self) -> None:
        self._given = {"main", "contents", "theme", ""}

    def new(self, title: str) -> str:
        """One that says what the title says, or none for no title."""
        if not title:
            return ""
        stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "section"
        name, count = stem, 1
        while name in self._given:
            count += 1
            name = f"{stem}-{count}"
        self._given.add(name)
        return name


@dataclass(frozen=True)
class _Headed:
    """A section with the name of its anchor, and those of what is folded in its part of a page."""

    section: Section
    name: str
    folds: Mapping[str, str]
    folder: Path
    part: int

    @cached_property
    def blocks(self) -> list["_Block"]:
        """Its blocks, each with what a reader who does not see it is told that it is."""
        tables, found = 0, []
        for block in self.section.blocks:
            tables += isinstance(block, Table)
            title = block.title if isinstance(block, Table) else ""
            told = title or f"{self.section.title or 'Examples'}, table {tables}"
            found.append(_Block(block, told, self.folds, self.folder, self.part))
        return found


def _headed(sections: Sequence[Section], names: _Names, folder: Path, part: int) -> list[_Headed]:
    named = [(section, names.new(section.title)) for section in sections]
    folds = {
        block.title: names.new(f"examples {block.title}")
        for section in sections
        for block in section.blocks
        if isinstance(block, Fold)
    }
    return [_Headed(section, name, folds, folder, part) for section, name in named]


@dataclass(frozen=True)
class _Block:
    """A block, as the template asks for it."""

    content: Block
    told: str
    folds: Mapping[str, str]
    folder: Path
    part: int

    @property
    def kind(self) -> str:
        """Which of the template's macros renders it."""
        return type(self.content).__name__.lower()

    @property
    def blocks(self) -> list["_Block"]:
        """What is folded."""
        assert isinstance(self.content, Fold)
        return [
            replace(self, content=each, told=f"{self.content.title}, {getattr(each, 'title', '')}")
            for each in self.content.blocks
        ]

    @property
    def more(self) -> dict[str, str]:
        """Of a table the anchors of what is folded on its figures, by title."""
        assert isinstance(self.content, Table)
        return {title: self.folds[title] for title in self.content.about if title in self.folds}

    @cached_property
    def texts(self) -> list[bool]:
        """Of a table, whether each column stands left."""
        assert isinstance(self.content, Table)
        return [not stands_right(self.content, place) for place in range(len(self.content.header))]

    @property
    def shaded(self) -> bool:
        """Of a table, whether any of its figures has a colour."""
        assert isinstance(self.content, Table)
        places = product(range(len(self.content.rows)), range(1, len(self.content.header)))
        return any(shade(self.content, *place) is not None for place in places)

    @property
    def image(self) -> str:
        """Of a drawing the SVG file as an address that holds it; it is drawn unless it is there."""
        assert isinstance(self.content, Drawing)
        ending = f"-{self.part}" if self.part > 1 else ""
        file = self.folder / f"{self.content.name}{ending}.svg"
        if not file.exists():
            self.content.draw(file)
        return f"data:image/svg+xml;base64,{base64.b64encode(file.read_bytes()).decode()}"


@dataclass(frozen=True)
class _Part:
    title: str
    name: str
    sections: Sequence[_Headed]


def _pictures(sections: Sequence[_Headed]) -> dict[str, str]:
    """Every picture of the tables once, by name."""
    return {
        picture(content): base64.b64encode(content).decode()
        for section in sections
        for cell in _cells(section.section)
        for content in cell.pictures
    }


def _cells(section: Section) -> Iterator[Cell]:
    for block in section.blocks:
        if isinstance(block, Table):
            yield from (cell for row in block.rows for cell in row)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("results.writers", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        inline=inline, plain=plain, number=number, picture=picture, apart=apart
    )
    environment.globals.update(shade=shade, dash=DASH, colours=COLOURS, spare=SPARE, apart=apart)
    return environment


@cache
def _asset(name: str) -> str:
    text = files("results.writers").joinpath(name).read_text(encoding="utf-8")
    assert "</script" not in text
    assert "</style" not in text
    return text


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
