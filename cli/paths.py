"""Paths as they are shown."""

import os
import re
from pathlib import Path

from results.text import visible


def shown(path: Path) -> str:
    """A path as a user would type it: relative where that leads down from here."""
    relative = os.path.relpath(path)
    return visible(str(path) if relative.startswith("..") else relative)


def show_report(report: Path) -> None:
    """Say what a report says first, and where it lies, as a page for a browser too."""
    text = report.read_text() if report.suffix == ".md" else ""
    said = re.search(r"^## Verdict\n\n(.+)$", text, re.MULTILINE)
    if said:
        print(re.sub(r"\*\*|`|\\(?=[^a-zA-Z0-9\s])", "", said[1]))
    page = report.with_suffix(".html")
    if page.is_file():
        print(f"in a browser: {shown(page)}")
    print(f"report: {shown(report)}")
