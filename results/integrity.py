"""Files that are kept: put in place whole, and told from damaged ones by their checksums."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
"""Of a folder: SHA-256 by name of every file in it. It is written last."""

RECENT = 100_000_000
"""Nanoseconds within which a file may change twice at what the system calls the same time."""

_SEAL = '{{"sha256": "{}", "content": '


def write_manifest(folder: Path, files: Sequence[Path] | None = None) -> None:
    """Write down the checksums of some files of a folder, by default of all that lie in it."""
    listed = [f for f in folder.iterdir() if f.name != MANIFEST] if files is None else files
    sums = {file.relative_to(folder).as_posix(): sha256_of(file) for file in sorted(listed)}
    write_sealed(folder / MANIFEST, sums)


def damage(folder: Path, names: Sequence[str] | None = None) -> str:
    """What is wrong with a folder's files by its manifest, in words, or "".

    Each file is read once a process, and again where the system saw it change.

    Args:
        folder: that `write_manifest` was called for; one without a manifest is not judged.
        names: of the files that are needed; by default all that the manifest names.
    """
    if not (folder / MANIFEST).exists():
        return ""
    sums = read_sealed(folder / MANIFEST)
    if not isinstance(sums, dict):
        return f"{MANIFEST} is damaged"
    for name in sums if names is None else names:
        if not (folder / name).is_file():
            if name in sums:
                return f"{name} is missing"
        elif sums.get(name) != sha256_of(folder / name):
            return f"{name} is damaged (its checksum differs)"
    return ""


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's content."""
    found = file.stat()
    if time.time_ns() - found.st_ctime_ns < RECENT:
        return _sha256.__wrapped__(file)
    # Whoever writes into a file may set its time, but not that of its inode's change.
    return _sha256(file, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=4096)
def _sha256(file: Path, *version: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write_sealed(file: Path, content: Any) -> None:
    """Write JSON with its own checksum in front; the file is whole or not there at all."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.new")
    temporary.write_text(sealed(content))
    os.replace(temporary, file)


def read_sealed(file: Path) -> Any:
    """What `write_sealed` wrote; None where it is missing or damaged."""
    try:
        text = file.read_text()
    except (OSError, ValueError):
        return None
    content = text[len(_SEAL.format("0" * 64)) : -1]
    return json.loads(content) if text == _sealed(content) else None


def sealed(content: Any) -> str:
    """JSON with its own checksum in front."""
    return _sealed(json.dumps(content))


def _sealed(content: str) -> str:
    return _SEAL.format(hashlib.sha256(content.encode()).hexdigest()) + content + "}"


def put(work: Path, target: Path) -> None:
    """Move a finished folder to where another may stand; a link there goes, not what it leads to.

    Args:
        work: the folder, on the same file system.
        target: where it is wanted.
    """
    remove(target)
    os.replace(work, target)


def remove(folder: Path) -> None:
    """Delete a folder, or the link or file in its place, if there is one."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
