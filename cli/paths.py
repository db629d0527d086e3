"""Paths as they are shown."""

import os
from pathlib import Path


def shown(path: Path) -> str:
    """A path as a user would type it: relative where that leads down from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def show_report(report: Path) -> None:
    """Say where a report lies, the page for a browser too if there is one."""
    page = report.with_suffix(".html")
    if page.is_file():
        print(f"in a browser: {shown(page)}")
    print(f"report: {shown(report)}")
