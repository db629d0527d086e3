"""Which files of a folder are data, and which side of the splits they stand on."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from runners.corpora.cells import clean
from runners.corpora.document import SPLITS

WRITTEN = frozenset({"corpora", "hydra", "locks", "machines", "models", "reports", "runs"})
"""The folders that this program makes below an output directory."""

OVERSHOOT = 2.0
"""Whole files are held out where that holds out at most so many times what was asked for."""

_SPLIT_FILE = re.compile(r"(train|valid|val|dev|test)(ation)?([-_.\d]|$)")
_SPLIT_FOLDER = re.compile(r"(train|valid|val|dev|test)(ation)?")


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The data below a folder, or a single file.

    Attributes:
        root: names are relative to it.
        files: in the order of their names.
        sides: the split of each file that its name, or that of a folder on the way, decides.
        passed_over: endings of the files that are no data, with their numbers; where none is data,
            those that are hidden too.
    """

    root: Path
    files: tuple[Path, ...]
    sides: Mapping[Path, str]
    passed_over: Mapping[str, int]

    def name(self, file: Path) -> str:
        """A file's path below the root."""
        return clean(file.relative_to(self.root).as_posix())

    @property
    def notes(self) -> list[str]:
        """What a user may not expect, a line each."""
        found = []
        if self.sides:
            by_split: dict[str, list[str]] = {}
            for file, split in self.sides.items():
                by_split.setdefault(split, []).append(self.name(file))
            named = (f"{split} from {_listed(names)}" for split, names in by_split.items())
            found.append(f"split by the names of files: {', '.join(named)}")
        if self.passed_over:
            endings = ", ".join(f"{n} {ending}" for ending, n in sorted(self.passed_over.items()))
            found.append(f"{sum(self.passed_over.values())} file(s) passed over: {endings}")
        return found


def find_files(path: Path, suffixes: Collection[str], output_dir: Path) -> FoundFiles:
    """The files with one of the endings, in any case, at or below a path.

    Passed over are hidden files and folders (`._a.txt` of macOS, `.ipynb_checkpoints`), and what
    this program has written: all below `output_dir`, and the folders of any other run.

    Raises:
        ValueError: a folder cannot be read, or the path is a pipe or a device.
    """
    if not path.is_dir():
        if not path.is_file():
            raise ValueError(
                f"dataset.path: {path} is no regular file but a pipe, a socket or a device, which "
                "cannot be read twice; write its content to a file"
            )
        fits = path.suffix.lower() in suffixes
        # One file is the corpus, whatever it is called: only beside others does a name say a side.
        return FoundFiles(path.parent, (path,) if fits else (), {}, {})
    files = []
    passed_over: Counter[str] = Counter()
    for file in _walk(path, output_dir):
        if file.suffix.lower() in suffixes:
            files.append(file)
        else:
            passed_over[file.suffix.lower() or "without an ending"] += 1
    if not files and (hidden := _hidden(path, suffixes)):
        passed_over["hidden"] = hidden
    sides = {file: side for file in files if (side := _named_side(file.relative_to(path)))}
    return FoundFiles(path, tuple(files), sides, passed_over)


def _walk(root: Path, output_dir: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise ValueError(f"dataset.path: {error.filename} cannot be read: {error.strerror}")

    found, seen = [], set()
    inside = root.resolve().is_relative_to(output_dir.resolve())  # then all of it was asked for
    for folder, subfolders, names in os.walk(root, onerror=refuse, followlinks=True):
        place = Path(folder)
        own = WRITTEN if _is_output(place) else frozenset()
        subfolders[:] = [
            name
            for name in sorted(subfolders, key=lambda name: ((place / name).is_symlink(), name))
            if not name.startswith(".")
            and name not in own
            and (inside or (place / name).resolve() != output_dir.resolve())
        ]
        if place.resolve() in seen:  # a link that leads back
            subfolders.clear()
            continue
        seen.add(place.resolve())
        files = (place / name for name in names if not name.startswith("."))
        found += [file for file in files if file.is_file()]
    return sorted(found)


def _hidden(root: Path, suffixes: Collection[str]) -> int:
    """How many files with one of the endings are hidden, or stand in a hidden folder."""
    found = (file for file in root.rglob("*") if file.suffix.lower() in suffixes)
    return sum(any(p.startswith(".") for p in file.relative_to(root).parts) for file in found)


def _is_output(folder: Path) -> bool:
    places = (("corpora", "*/card.json"), ("runs", "*/record.json"))
    return any(any((folder / name).glob(pattern)) for name, pattern in places)


def _named_side(file: Path) -> str:
    """The split that a relative path names: in the file's own name, or else a folder's, or ""."""
    named = _SPLIT_FILE.match(file.stem.lower())
    for folder in reversed(file.parts[:-1]):
        named = named or _SPLIT_FOLDER.fullmatch(folder.lower())
    if not named:
        return ""
    return named[1] if named[1] in SPLITS else "validation"


def whole_file_sides(
    sizes: Mapping[str, int], shares: Mapping[str, float], *, required: bool = False
) -> dict[str, str]:
    """Files to hold out whole, so that no file stands on two sides.

    In the order of a hash of their names files are taken until a split has its share of the bytes,
    those left out that are too large for it.

    Args:
        sizes: bytes of each file, by name.
        shares: of the bytes, by split.
        required: hold out however much it takes.

    Returns:
        The split of each file that is held out, or nothing where whole files cannot come near the
        shares: there are too few, or too unequal ones.
    """
    order = sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).digest())
    for overshoot in (OVERSHOOT, 4.0, 8.0, 16.0) if required else (OVERSHOOT,):
        sides = _taken(order, sizes, shares, overshoot)
        if set(sides.values()) == set(shares) and len(sides) < len(sizes):
            return sides
    return {}


def _taken(
    order: Sequence[str], sizes: Mapping[str, int], shares: Mapping[str, float], overshoot: float
) -> dict[str, str]:
    sides: dict[str, str] = {}
    for split, share in shares.items():
        wanted, taken = share * sum(sizes.values()), 0
        for name in order:
            fits = taken < wanted and 0 < taken + sizes[name] <= overshoot * wanted
            if fits and name not in sides:
                sides[name] = split
                taken += sizes[name]
        if taken < wanted / OVERSHOOT:
            return {}
    return sides


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def did_you_mean(path: Path) -> str:
    """`; did you mean PATH?` with the existing path that is nearest to a missing one, or ""."""
    parts = path.expanduser().parts
    found = Path(path.anchor)
    for place, part in enumerate(parts[1:] if path.anchor else parts):
        if (found / part).exists():
            found /= part
            continue
        try:
            known = [each.name for each in found.iterdir()]
        except OSError:
            return ""
        rest = parts[place + 1 + bool(path.anchor) :]
        near = get_close_matches(part, known, n=3)
        whole = [found / name / Path(*rest) for name in near]
        found = next((each for each in whole if each.exists()), found / near[0] if near else found)
        return f"; did you mean {found}?" if near else ""
    return ""


def short_name(path: str) -> str:
    """How tables name a file or folder: a relative path as it was given, of others two parts.

    So that en/text.txt and de/text.txt can be told apart.
    """
    given = Path(os.path.normpath(Path(path).expanduser()))
    parts = [part for part in given.parts if part not in (given.anchor, "..", ".")]
    if not parts:
        return Path(path).resolve().name or str(Path(path).resolve())
    return "/".join(parts[-2:] if given.is_absolute() else parts)
