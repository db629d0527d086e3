"""What is written and must last: brought to the disk, and what a full disk answers."""

import errno
import os
import re
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a full disk answers."""


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, outlast a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(file: Path, content: str) -> None:
    """Write a file that is there whole or not at all, whenever this is killed."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        fresh.write_text(content)
        sync(fresh)
        os.replace(fresh, file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync(file.parent)


def is_full(error: BaseException) -> bool:
    """Whether a disk was full, or a quota or limit of size reached."""
    if not isinstance(error, OSError):
        return False
    named = re.search(r"errno (\d+)", str(error))  # as libraries tell it
    return (error.errno or (int(named[1]) if named else 0)) in FULL


def as_os_error(error: Exception) -> Exception:
    """An error of a library in Rust as the OSError that it tells of, or as it is."""
    found = re.search(r"(?:os error|code:) (\d+)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else error
