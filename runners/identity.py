"""Names that say what a thing is: hashes of configuration, content and source code."""

import ast
import hashlib
import json
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OURS = ("models", "objectives", "runners")
"""The packages whose code decides figures."""

TRAINS = ("torch", "numpy", "scipy")
"""Libraries that decide what is trained: SciPy has the distributions that spans are drawn from."""

MEASURES = (*TRAINS, "scikit-learn", "transformers", "tokenizers")
"""Those that decide figures."""


def name_of(content: Any, *more: str, length: int = 12) -> str:
    """A short hexadecimal name of JSON-like content and of further hashes.

    Equal content gives the same name in every process and on every machine.
    """
    text = json.dumps(content, sort_keys=True, default=str) + "\x1e".join(more)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@cache
def source_hash(*places: str) -> str:
    """SHA-256 over our own Python files, so that changed code never passes for an earlier run.

    Args:
        places: packages as folders ("models", "runners/corpora") or single files.
    """
    return _hash_of({file for place in places for file in _files(place)})


@cache
def training_source() -> str:
    """SHA-256 over the code that trains: all objectives, and whatever pretraining imports."""
    return _hash_of(training_files())


@cache
def code_hash() -> str:
    """SHA-256 over all code that decides figures, and the versions of the libraries below it."""
    return name_of(versions(*MEASURES), source_hash(*OURS), length=64)


def source_changed() -> bool:
    """Whether our own files are no longer what this process found when it first looked."""
    return source_hash.__wrapped__(*OURS) != source_hash(*OURS)


def versions(*packages: str) -> dict[str, str]:
    """Those of installed packages, by name."""
    return {package: version(package) for package in packages}


def training_files() -> set[Path]:
    """Our own files that a training and its curve rest on, found by following imports."""
    found: set[Path] = set()
    for folder in ("objectives", "models/backbones", "runners/training/optimizers"):
        found |= set(_files(folder))  # found by name, not imported
    starts = ("runners/training/pretrain.py", "runners/measures/curve.py")
    waiting = [*found, *(file for start in starts for file in _files(start))]
    while waiting:
        file = waiting.pop()
        found.add(file)
        waiting += [other for other in _imported(file) if other not in found]
    return found


def _files(place: str) -> list[Path]:
    package, *rest = place.split("/")
    path = _root(package).joinpath(*rest)
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@cache
def _root(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def _imported(file: Path) -> set[Path]:
    """Our own files that a file imports, within functions too, with their packages' own."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    found: set[Path] = set()
    for name in names:
        package, *rest = name.split(".")
        if package in OURS:
            for depth in range(len(rest) + 1):  # importing a.b.c runs a and a.b too
                path = _root(package).joinpath(*rest[:depth])
                found |= {path.with_suffix(".py"), path / "__init__.py"}
    return {path for path in found if path.is_file()}


def _hash_of(files: set[Path]) -> str:
    digest = hashlib.sha256()
    by_name = {file.relative_to(_root(_package(file)).parent).as_posix(): file for file in files}
    for name, file in sorted(by_name.items()):
        digest.update(name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _package(file: Path) -> str:
    return next(parent.name for parent in file.parents if parent.name in OURS)
