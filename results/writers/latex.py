r"""The tables of a page as LaTeX: floats with caption and label that a paper can `\input`.

Of the preamble they ask for array, booktabs and graphicx, and what is written is ASCII: it is set
alike by pdfLaTeX, XeLaTeX and LuaLaTeX, whatever the document's fonts, encodings and languages.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten, wrap

from results.page import Cell, Page, Part, Prose, Section, Table, apart, spans, stands_right
from results.writers.latex_text import UNICODE, escape

NAME = 20
"""Characters of a table's name."""

HEAD = 14
"""Characters of a line of a column's heading."""

LONG = 36
"""Characters of a text past which its column is a paragraph."""

BESIDE = 3
"""Columns with intervals up to which these stand beside their figures, and not below them."""

ROWS = 30
"""Of one float; what is longer goes on in a further one."""

PACKAGES = r"\usepackage{array,booktabs,graphicx}"

STANDALONE = rf"""% Shows all tables; for a look at them: pdflatex tables-standalone
\documentclass{{article}}
\usepackage[margin=2cm]{{geometry}}
{PACKAGES}
\extrafloats{{200}}
\setlength{{\belowcaptionskip}}{{6pt}}
\begin{{document}}
\input{{tables}}
\end{{document}}
"""

INTERVALS = r"95\,\% intervals in brackets."

MARKS = {
    "†": "† not told apart from the model before training, †† worse than it",
    "‡": "‡ not told apart from the best simple method, ‡‡ worse than it",
}


@dataclass(frozen=True)
class Float:
    """A table with what stands around it.

    Attributes:
        name: of its file and label: small letters, digits and hyphens.
        caption: as typed.
        notes: what the page says of it, for the author.
        table: whose cells hold no pictures.
    """

    name: str
    caption: str
    notes: Sequence[str]
    table: Table


def write_latex(page: Page, folder: Path) -> Path:
    r"""Write `tables.tex` with all tables, each by itself in `tables/`, and a page to look at.

    Tables of pictures, and what is folded, are left out.

    Returns:
        The path of `tables.tex`.
    """
    (folder / "tables").mkdir(exist_ok=True)
    texts = []
    for each in floats(page):
        text = "\n".join(_float(each)) + "\n"
        if r"\compareunicode" in text:
            text = f"{UNICODE}\n{text}"
        (folder / "tables" / f"{each.name}.tex").write_text(text, encoding="ascii")
        texts.append(text)
    head = (
        f"% {escape(page.title)}\n"
        f"% In the preamble: {PACKAGES}\n"
        "% In the text: \\input{tables} for all of these, \\input{tables/NAME} for one.\n"
    )
    file = folder / "tables.tex"
    file.write_text("\n".join([head, *texts]), encoding="ascii")
    (folder / "tables-standalone.tex").write_text(STANDALONE, encoding="ascii")
    return file


def floats(page: Page) -> list[Float]:
    """The tables of a page, each with a name of its own; long ones in several parts."""
    found: list[Float] = []
    names: dict[str, int] = {}
    for number, part in enumerate(page.parts, start=1):
        before = ""
        if len(page.parts) > 1:
            before = f"Comparison {number} of {len(page.parts)} ({part.title}). "
        for each in _of_part(part):
            for start in range(0, max(len(each.table.rows), 1), ROWS):
                names[each.name] = names.get(each.name, 0) + 1
                count = names[each.name]
                rows = each.table.rows[start : start + ROWS]
                found.append(
                    Float(
                        f"{each.name}-{count}" if count > 1 else each.name,
                        before + each.caption + (" (continued)" if start else ""),
                        [] if start else each.notes,
                        Table(each.table.header, rows),
                    )
                )
    return found


def _of_part(part: Part) -> Iterator[Float]:
    heading = ""
    for section in part.sections:
        heading = section.title or heading
        name = shorten(re.sub("[^a-z0-9]+", " ", heading.lower()), NAME, placeholder="")
        notes = [block.text for block in section.blocks if isinstance(block, Prose)]
        tables: list[tuple[str, Table]] = []
        for place, block in enumerate(section.blocks):
            if isinstance(block, Table) and not _has_pictures(block):
                before = _introduction(section, place)
                notes = [note for note in notes if note != before]
                title = f"{heading}: {block.title}" if block.title else before or heading
                if title == heading and tables:
                    title += f": {', '.join(block.header[1:])}"
                tables.append((title.rstrip(".: "), block))
        for place, (title, table) in enumerate(tables):
            yield Float(name.replace(" ", "-") or "table", title, [] if place else notes, table)


def _introduction(section: Section, place: int) -> str:
    """The paragraph before an untitled table, unless it is about what stands above it."""
    block = section.blocks[place - 1] if place else None
    table = section.blocks[place]
    if not isinstance(block, Prose) or (isinstance(table, Table) and table.title):
        return ""
    return block.text if isinstance(section.blocks[0], Prose) or block.text[-1:] == ":" else ""


def _has_pictures(table: Table) -> bool:
    return any(cell.pictures for row in table.rows for cell in row)


def _float(content: Float) -> Iterator[str]:
    table = content.table
    cells = [cell for row in table.rows for cell in row]
    with_limits = [
        place
        for place in range(len(table.header))
        if any(row[place].low is not None for row in table.rows)
    ]
    caption = [inline(f"{content.caption}.")]
    if with_limits:
        caption.append(INTERVALS)
    marks = {mark for cell in cells for mark in cell.marks}
    told = [meaning for mark, meaning in MARKS.items() if mark in marks]
    caption += [inline(f"{'; '.join(told)}.")] if told else []
    kinds = [_kind(table, place) for place in range(len(table.header))]
    yield from (f"% {inline(note)}" for note in content.notes)
    yield r"\begin{table}[tbp]"
    yield r"  \centering"
    yield f"  \\caption{{{' '.join(caption)}}}"
    yield f"  \\label{{tab:compare-{content.name}}}"
    yield r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    yield f"  \\begin{{tabular}}{{{''.join(COLUMNS[kind] for kind in kinds)}}}"
    yield r"    \toprule"
    heads = [_heading(head, kind) for head, kind in zip(table.header, kinds, strict=True)]
    yield f"    {' & '.join(heads)} \\\\"
    yield r"    \midrule"
    beside = len(with_limits) <= BESIDE
    for place, row in enumerate(table.rows):
        if place and not beside:
            yield r"    \addlinespace[2pt]"
        shown = [cell(each, kind, beside) for each, kind in zip(row, kinds, strict=True)]
        yield f"    {' & '.join(shown)} \\\\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}}"
    yield r"\end{table}"


COLUMNS = {"left": "l", "right": "r", "long": r">{\raggedright\arraybackslash}p{5cm}"}
"""Kinds of columns, as a tabular is told of them."""


def _kind(table: Table, place: int) -> str:
    """Figures and what looks like them stand right, other texts left, long ones in paragraphs."""
    cells = [row[place] for row in table.rows]
    texts = [cell.text for cell in cells if cell.value is None and cell.text]
    if any(len(line) > LONG for text in texts for line in text.split("\n")):
        return "long"
    return "right" if stands_right(table, place) else "left"


def _heading(text: str, kind: str) -> str:
    lines = wrap(text, HEAD, break_long_words=False, break_on_hyphens=False)
    return _stacked([inline(line) for line in lines], "r" if kind == "right" else "l", "b")


def cell(content: Cell, kind: str = "right", beside: bool = True) -> str:
    """A figure with the limits of its interval in brackets, or a text.

    Args:
        content: without pictures.
        kind: of its column (COLUMNS).
        beside: whether the limits stand beside the figure, else below it.
    """
    if content.value is None:
        lines = [_styled(inline(line), content) for line in content.text.split("\n")]
        if content.empty:
            return "--" + _marks(content.marks)
        if kind == "long":
            return r"\newline ".join(lines) + _marks(content.marks)
        return _stacked(lines, "r" if kind == "right" else "l", "t") + _marks(content.marks)
    figure = _number(content.value, content.form)
    figure += f" ({inline(content.note)})" if content.note else ""
    figure = _styled(figure, content) + _marks(content.marks)
    if content.low is None or content.high is None:
        return figure
    low, high = (_number(limit, content.form) for limit in (content.low, content.high))
    limits = rf"{{\scriptsize {{[}}{low}, {high}{{]}}}}"
    return f"{figure} {limits}" if beside else _stacked([figure, limits], "r", "t")


def _marks(marks: str) -> str:
    """Raised, those of different meaning apart."""
    kinds = ",".join(map(inline, apart(marks)))
    return rf"\textsuperscript{{{kinds}}}" if kinds else ""


def _styled(text: str, content: Cell) -> str:
    text = rf"\textbf{{{text}}}" if content.strong else text
    return rf"\textit{{{text}}}" if content.weak else text


def _stacked(lines: Sequence[str], side: str, place: str) -> str:
    """Lines below each other within a cell."""
    if len(lines) < 2:
        return "".join(lines)
    inner = r" \\ ".join(lines)
    return rf"\begin{{tabular}}[{place}]{{@{{}}{side}@{{}}}}{inner}\end{{tabular}}"


def _number(value: float, form: str) -> str:
    return escape(f"{value:{form}}").replace("-", "$-$")


def inline(text: str) -> str:
    """A text in one line, its parts that stand out in LaTeX's way."""
    shown = {"plain": "{}", "strong": r"\textbf{{{}}}", "code": r"\texttt{{{}}}"}
    return "".join(shown[kind].format(escape(part)) for kind, part in spans(text)).strip()
