"""Docstrings out of Python files. Imports nothing heavy: worker processes load this module."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

MIN_CHARACTERS = 40
"""Shorter docstrings ("Return a copy.") say too little to be a document."""

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


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
    for node in _documented(tree):
        text = ast.get_docstring(node)
        if text and len(text) >= MIN_CHARACTERS:
            line = node.body[0].lineno
            found.append((line, text.encode("utf-8", "replace").decode()))
    return [text for _, text in sorted(found)]


def _documented(tree: ast.Module) -> Iterator[_Documented]:
    """What may have a docstring. Only statements are entered: `ast.walk` would see every name."""
    open_nodes: list[ast.AST] = [tree]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, _Documented):
            yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            below = getattr(node, part, ())
            open_nodes += below if isinstance(below, list) else ()  # of a lambda: one expression
