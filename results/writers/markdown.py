"""A page as Markdown: whatever users typed is shown as typed, and no content breaks a table."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from results.page import (
    Block,
    Bullets,
    Cell,
    Drawing,
    Fold,
    Page,
    Prose,
    Section,
    Table,
    spans,
    stands_right,
)
from results.text import one_line, visible

DASH = "\N{EN DASH}"
"""Where a table has no figure."""

PICTURES = "pictures"
"""The folder of a page's pictures."""

_BEGINS = re.compile(r"^([#+>=-]|\d{1,9}(?=[.)](\s|$)))")
"""What would make a heading, a list or a quotation of a line that begins with it."""

_SIGNS = re.compile(r"([\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;))")
"""What Markdown would not show as it was typed; `_` inside a word is safe."""


def write_markdown(page: Page, folder: Path) -> Path:
    """Write `report.md` with its figures and pictures into a folder.

    Returns:
        The path of the page.
    """
    lines = [f"# {inline(page.title)}", ""]
    several = len(page.parts) > 1
    level = "###" if several else "##"
    for number, part in enumerate(page.parts, start=1):
        if several:
            lines += [f"## Comparison {number} of {len(page.parts)}: {inline(part.title)}", ""]
        ending = f"-{number}" if number > 1 else ""
        for section in part.sections:
            lines += _section(section, level, folder, ending)
    lines += _section(page.sources, level, folder, "")
    lines += [inline(page.built), ""]
    file = folder / "report.md"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def _section(section: Section, level: str, folder: Path, ending: str) -> Iterator[str]:
    if section.title:
        yield from (f"{level} {inline(section.title)}", "")
    for block in section.blocks:
        yield from _block(block, level, folder, ending)
        yield ""


def _block(block: Block, level: str, folder: Path, ending: str) -> Iterator[str]:
    if isinstance(block, Prose):
        yield _line(block.text)
    elif isinstance(block, Bullets):
        yield from (f"- {_line(item)}" for item in block.items)
    elif isinstance(block, Table):
        if block.title:
            yield from (f"{_line(block.title)}:", "")
        yield table(block, folder)
    elif isinstance(block, Fold):
        yield from _section(Section(block.title, block.blocks), f"{level}#", folder, ending)
    else:
        assert isinstance(block, Drawing)
        name = f"{block.name}{ending}.svg"
        block.draw(folder / name)
        yield f"![{inline(block.alt)}]({name})"


def table(block: Table, folder: Path) -> str:
    """Figures stand right, texts left."""
    lines = [_row([inline(head, in_table=True) for head in block.header])]
    sides = ["--:" if stands_right(block, place) else ":--" for place in range(len(block.header))]
    lines.append("|" + "|".join(sides) + "|")
    lines += [_row([cell(each, folder) for each in row]) for row in block.rows]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def cell(content: Cell, folder: Path) -> str:
    """A figure with the limits of its interval, smaller; or a text, or pictures."""
    if content.value is not None:
        text = f"{content.value:{content.form}}"
        if content.low is not None and content.high is not None:
            text += f" <sub>{content.low:{content.form}} to {content.high:{content.form}}</sub>"
        text += f" ({inline(content.note, in_table=True)})" if content.note else ""
    elif content.pictures:
        text = " ".join(_picture(each, folder) for each in content.pictures)
    else:
        text = "<br>".join(inline(line, in_table=True) for line in content.text.split("\n")) or DASH
    text = f"**{text}**" if content.strong else text
    return (f"*{text}*" if content.weak else text) + content.marks


def _picture(content: bytes, folder: Path) -> str:
    name = f"{hashlib.sha256(content).hexdigest()[:12]}.png"
    (folder / PICTURES).mkdir(exist_ok=True)
    (folder / PICTURES / name).write_bytes(content)
    return f"![]({PICTURES}/{name})"


def _line(text: str) -> str:
    """A text that is a line of its own."""
    return _BEGINS.sub(lambda found: _unread(found[0]), inline(text))


def _unread(sign: str) -> str:
    return f"\\{sign}" if not sign.isdigit() else f"{sign}\\"


def inline(text: str, *, in_table: bool = False) -> str:
    """A text in one line, its parts that stand out in Markdown's way.

    Args:
        text: as typed.
        in_table: where a bar ends a cell, in code too.
    """
    shown: dict[str, Callable[[str], str]] = {
        "plain": escape,
        "strong": _strong,
        "code": code,
    }
    if in_table:
        shown["code"] = lambda part: escape(part) if "|" in part else code(part)
    return "".join(shown[kind](part) for kind, part in spans(text)).strip()


def _strong(text: str) -> str:
    """Marks stand at letters: beside a space they would be shown."""
    shown = escape(text)
    inner = shown.strip()
    return shown.replace(inner, f"**{inner}**", 1) if inner else shown


def escape(text: str) -> str:
    """What a user typed, to be shown as typed in one line or cell."""
    flat = _SIGNS.sub(r"\\\1", re.sub(r"\s+", " ", visible(text)))
    return re.sub(r"<(?=[^\s\d])", "&lt;", flat)


def code(text: str) -> str:
    """Text as code, whatever backticks it holds."""
    flat = one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"
