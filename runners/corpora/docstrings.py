"""Docstrings out of Python files. Imports nothing heavy: worker processes load this module."""

import ast
import warnings
from pathlib import Path

MIN_CHARACTERS = 40
"""Shorter docstrings ("Return a copy.") say too little to be a document."""


def docstrings_of(path: Path) -> list[str]:
    """The cleaned docstrings of one file, in the order of the source.

    A file that cannot be parsed has none: libraries ship templates and test data as .py files.
    """
    try:
        source = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's files
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, OSError):
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text and len(text) >= MIN_CHARACTERS:
                line = node.body[0].lineno
                found.append((line, text.encode("utf-8", "replace").decode()))
    return [text for _, text in sorted(found)]
