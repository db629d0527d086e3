"""Paths as they are shown."""

import os
from pathlib import Path


def shown(path: Path) -> str:
    """A path as a user would type it: relative where that leads down from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
