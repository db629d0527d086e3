"""What `compare doctor` says of what is installed: versions, and plugins."""

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from cli.finding import Finding

TOLD = ("torch", "transformers", "datasets", "hydra-core", "omegaconf")
"""Packages whose versions are told even where all is well."""


def versions() -> Iterator[Finding]:
    """Ours with the hash of its code, and those of the libraries, which are to be in our ranges."""
    yield Finding("python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield Finding("compare", f"{_version('compare') or 'not installed'}, code {_code()}")
    yield Finding("libraries", ", ".join(f"{name} {_version(name)}" for name in TOLD))
    try:
        wanted = [Requirement(text) for text in requires("compare") or []]
    except PackageNotFoundError:
        yield Finding("ranges", "unknown", "compare is run without being installed: pip install .")
        return
    for each in wanted:
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            yield from unfit(each, _version(each.name))


def unfit(wanted: Requirement, found: str) -> Iterator[Finding]:
    """A package that is not there, or not as we need it; nothing where it is.

    Args:
        wanted: a name and a range of versions.
        found: what is installed, or "".
    """
    way_out = f"pip install '{wanted.name}{wanted.specifier}'"
    if not found:
        yield Finding(wanted.name, "not installed", way_out, stops=True)
    elif not wanted.specifier.contains(found, prereleases=True):
        reason = f"outside of {wanted.specifier}, which is admitted"
        yield Finding(wanted.name, found, f"{reason}: {way_out}", stops=True)


def plugins(files: Sequence[str]) -> Iterator[Finding]:
    """What installed packages offer by entry points, and what files of the command line hold.

    Args:
        files: of `plugins=[...]`.
    """
    from models.config import ARCHITECTURES
    from models.registry import names
    from objectives.trainable import OBJECTIVES
    from runners.corpora.document import CORPORA
    from runners.probes.base import PROBES
    from runners.training.trainer import OPTIMIZERS

    kinds: list[Any] = [OBJECTIVES, PROBES, CORPORA, ARCHITECTURES, OPTIMIZERS]
    offered = [(kind.word, entry) for kind in kinds for entry in entry_points(group=kind.group)]
    for word, entry in offered:
        try:
            entry.load()
            yield Finding(f"{word} {entry.name}", entry.value)
        except Exception as error:  # whatever another's package raises
            way_out = f"it cannot be loaded ({type(error).__name__}: {error}): mend or uninstall it"
            yield Finding(f"{word} {entry.name}", entry.value, way_out)
    if not offered:
        yield Finding("entry points", "no installed package offers a plugin")
    for file in files:
        try:
            found = [
                f"{kind.word} {Path(file).stem}"
                for kind in kinds
                if Path(file).stem in set(names(kind, [Path(file)])) - set(names(kind))
            ]
        except ValueError as error:
            yield Finding(Path(file).name, "no plugin", str(error), stops=True)
            continue
        nothing = "it defines no subclass of ours that is not ours already, such as an Objective"
        advice = "" if found else nothing
        yield Finding(Path(file).name, ", ".join(found) or "nothing", advice, stops=not found)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _code() -> str:
    from runners.identity import OURS, source_hash

    return source_hash(*OURS)[:12]  # as records have it
