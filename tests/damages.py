"""What happens to files: each takes a file and leaves it damaged."""

import os
from pathlib import Path


def shortened(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 16] = b"\0" * 16
    file.write_bytes(content)


def changed_unseen(file: Path) -> None:
    """One bit, at the same size and time."""
    times = file.stat()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def deleted(file: Path) -> None:
    file.unlink()


DAMAGES = (shortened, emptied, overwritten, changed_unseen, deleted)
