"""The formats of a report, by name: what each writes into its folder."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from results.integrity import put
from results.page import Drawing, Page
from results.record import RunRecord
from results.tidy import tidy
from results.writers.csv import write_csv
from results.writers.html import write_html
from results.writers.latex import write_latex
from results.writers.markdown import write_markdown
from results.writers.parquet import write_parquet


@dataclass(frozen=True)
class Content:
    """What a report is written from.

    Attributes:
        page: to be read.
        records: of all runs, with every value.
        name: of the page's own file, without ending.
    """

    page: Page
    records: Sequence[RunRecord]
    name: str = "report"


def _markdown(content: Content, folder: Path) -> None:
    file = write_markdown(content.page, folder)
    file.rename(folder / f"{content.name}.md")


def _html(content: Content, folder: Path) -> None:
    write_html(content.page, folder).rename(folder / f"{content.name}.html")


def _csv(content: Content, folder: Path) -> None:
    write_csv(tidy(content.records), folder / "results.csv")


def _json(content: Content, folder: Path) -> None:
    records = {"records": [record.to_json() for record in content.records]}
    (folder / "results.json").write_text(json.dumps(records, indent=1, sort_keys=True))


def _figures(content: Content, folder: Path, ending: str) -> None:
    """The drawings of the page, called as Markdown calls them."""
    for number, part in enumerate(content.page.parts, start=1):
        more = f"-{number}" if number > 1 else ""
        for block in (block for section in part.sections for block in section.blocks):
            if isinstance(block, Drawing):
                block.draw(folder / f"{block.name}{more}.{ending}")


FORMATS: dict[str, Callable[[Content, Path], object]] = {
    "markdown": _markdown,
    "html": _html,
    "csv": _csv,
    "json": _json,
    "latex": lambda content, folder: write_latex(content.page, folder),
    "parquet": lambda content, folder: write_parquet(
        tidy(content.records), folder / "results.parquet"
    ),
    "svg": lambda content, folder: _figures(content, folder, "svg"),
    "png": lambda content, folder: _figures(content, folder, "png"),
}
"""Each writes its files into a folder."""

DEFAULT = ("markdown", "html", "csv", "json")
"""What every report has; Markdown brings its figures as SVG."""

FOR_READING = ("markdown", "html", "latex")
"""Those that a page without figures can be written in."""


def formats(names: str, known: Sequence[str] = tuple(FORMATS)) -> tuple[str, ...]:
    """The formats of a comma list, each once.

    Raises:
        ValueError: there is none of that name, or none at all; the message names the known ones.
    """
    found = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    wrong = [name for name in found if name not in known]
    if wrong or not found:
        what = f"there is no format {wrong[0]!r}" if wrong else "no format is named"
        raise ValueError(f"{what}; known: {', '.join(known)}")
    return found


def write_formats(names: Sequence[str], content: Content, target: Path) -> None:
    """Write a report in some formats into a folder: all of it appears there or nothing.

    What stands there in other formats stays, since the folder is that of these very runs.

    Args:
        names: of the formats.
        content: of the report.
        target: made where it is missing.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=".writing-"))
    try:
        work.chmod(0o755)
        for name in names:
            FORMATS[name](content, work)
        ours = target.is_dir() and not target.is_symlink()  # nothing is taken out of elsewhere
        for old in list(target.iterdir()) if ours else []:
            if not (work / old.name).exists():
                os.replace(old, work / old.name)
        put(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
