"""What `compare doctor` says of places: the output folder and its disk, hub_dir, and the hub."""

import os
import shutil
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cli.finding import Finding
from cli.paths import shown
from results.figures import quantity

LITTLE_DISK, NO_DISK = 5e9, 1e8
"""Bytes below which a sweep may fill the disk, and below which nothing fits."""

PATIENCE = 3.0
"""Seconds that the hub may take to answer."""

OLD = 600.0
"""Seconds without a change after which a folder that is being written was left so."""

ROOMS = ("corpora", "models", "runs", "reports")
"""Folders of an output folder that are told, with how many folders each holds."""

HELD_LOCKS = Path("/proc/locks")


def output(folder: Path) -> Iterator[Finding]:
    """Whether a run can write there, how much, and what is there already."""
    there = folder if folder.exists() else _nearest(folder)
    reason = _refused(folder, there)
    value = str(folder) if folder.exists() else f"{folder} (the first run makes it)"
    way_out = f"nothing can be written there ({reason}): choose another with output_dir=FOLDER"
    yield Finding("output_dir", value, way_out if reason else "", stops=bool(reason))
    yield _disk(there)
    if folder.is_dir():
        yield _contents(folder)
        yield from _leftovers(folder)
        yield from _locks(folder)


def _nearest(folder: Path) -> Path:
    """The folder above it that is there."""
    return next(parent for parent in folder.absolute().parents if parent.exists())


def _refused(folder: Path, there: Path) -> str:
    """Why no file can be made, or ""."""
    try:
        if not there.is_dir():
            return f"{there} is a file"
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _disk(there: Path) -> Finding:
    usage = shutil.disk_usage(there)
    value = f"{quantity(usage.free)}B of {quantity(usage.total)}B free"
    way_out = f"less than {quantity(LITTLE_DISK)}B: make room, or choose another output_dir"
    advice = way_out if usage.free < LITTLE_DISK else ""
    return Finding("disk", value, advice, stops=usage.free < NO_DISK)


def _contents(folder: Path) -> Finding:
    parts = []
    for room in ROOMS:
        held = [e for e in _entries(folder / room) if e.is_dir() and not e.name.startswith(".")]
        if held:
            parts.append(f"{len(held)} {room} ({quantity(_size(folder / room))}B)")
    return Finding("holds", ", ".join(parts) or "nothing yet")


def _leftovers(folder: Path) -> Iterator[Finding]:
    """What an interrupted process was writing, if nobody has touched it for a while."""
    found = [
        entry
        for room in ROOMS
        for entry in _entries(folder / room)
        if entry.name.startswith((".writing-", ".building-")) and _age(entry) > OLD
    ]
    if found:
        size = sum(_size(entry) for entry in found)
        patterns = sorted({f"{entry.parent}/.{entry.name[1:].split('-')[0]}-*" for entry in found})
        way_out = f"left by interrupted runs: rm -r {' '.join(shown(Path(p)) for p in patterns)}"
        yield Finding("leftovers", f"{len(found)} unfinished folder(s), {quantity(size)}B", way_out)


def _locks(folder: Path) -> Iterator[Finding]:
    """Lock files: held, free, and those that name a process of this machine which is gone.

    The system frees a lock when its process ends, so that a free file does no harm. Where a file
    system knows no locks, the file itself is the lock, and holds the number of its process.
    """
    found = [file for file in _below(folder) if file.name.endswith(".lock")]
    if not found:
        return
    held_by = _holders()
    held = [file for file in found if file.stat().st_ino in held_by]
    dead = [file for file in found if _is_deserted(file)]
    who = sorted({str(held_by[file.stat().st_ino]) for file in held})
    processes = f" by process {', '.join(who)}" if who else ""
    value = f"{len(held)} of {len(found)} held{processes}; a file that nobody holds does no harm"
    way_out = f"held by processes that are gone: rm {' '.join(shown(file) for file in dead[:3])}"
    more = f" and {len(dead) - 3} more" if len(dead) > 3 else ""
    yield Finding("locks", value, way_out + more if dead else "")


def _holders() -> dict[int, int]:
    """By inode of a file, the process that holds a lock on it."""
    found = {}
    try:
        for line in HELD_LOCKS.read_text().splitlines():
            words = line.split()
            if "->" in words:  # waits
                continue
            found[int(words[5].rpartition(":")[2])] = int(words[4])
    except (OSError, ValueError, IndexError):  # another system's
        pass
    return found


def _is_deserted(file: Path) -> bool:
    try:
        process, host = file.read_text()[:200].splitlines()[:2]
        if host != socket.gethostname():
            return False
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):  # no such lines, or a process of somebody else
        return False
    return False


def hub(hub_dir: Path | None) -> Iterator[Finding]:
    """Where data sets come from. Nothing here stops a run that needs none."""
    import huggingface_hub.constants

    offline = bool(huggingface_hub.constants.HF_HUB_OFFLINE)
    address = without_secrets(str(huggingface_hub.constants.ENDPOINT))
    if hub_dir is not None:
        held = [e.name for e in _entries(hub_dir) if e.is_dir() and not e.name.startswith(".")]
        value = f"{hub_dir}, {len(held)} data set(s) in the hub's place"
        missing = "there is no such folder: mend it, or hub_dir=null asks the hub"
        yield Finding("hub_dir", value, "" if hub_dir.is_dir() else missing)
    if offline:
        yield Finding("hub", f"{address}, not asked: HF_HUB_OFFLINE is set; caches are read")
    else:
        said = answer(str(huggingface_hub.constants.ENDPOINT))
        way_out = "" if said.startswith("answers") else "hub_dir=FOLDER takes its place, if need be"
        yield Finding("hub", f"{address} {said}", way_out)
    token = huggingface_hub.get_token()
    yield Finding("token", "there is one (not shown)" if token else "none; gated data need one")


def without_secrets(address: str) -> str:
    """An address without name, password and query."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def answer(address: str) -> str:
    """Whether a server answers a HEAD request in time, in words; whatever it answers."""
    said: list[str] = []
    began = time.perf_counter()

    def ask() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")
            with urllib.request.urlopen(request, timeout=PATIENCE):
                said.append("answers")
        except urllib.error.HTTPError as error:
            said.append(f"answers with status {error.code}")
        except Exception as error:  # no name, no route, no certificate, no address
            reason = getattr(error, "reason", None) or error
            words = getattr(reason, "strerror", None) or type(reason).__name__
            said.append(f"does not answer ({words})")

    thread = threading.Thread(target=ask, daemon=True)  # looking a name up knows no limit
    thread.start()
    thread.join(PATIENCE)
    if not said:
        return f"does not answer within {PATIENCE:g} s"
    return f"{said[0]} in {time.perf_counter() - began:.1f} s" if "not" not in said[0] else said[0]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _below(folder: Path) -> Iterator[Path]:
    """Every file, links not followed."""
    for path, _, names in os.walk(folder):
        yield from (Path(path) / name for name in names)


def _size(folder: Path) -> int:
    total = 0
    for file in _below(folder):
        try:
            total += file.lstat().st_size
        except OSError:  # gone in between
            continue
    return total


def _age(entry: Path) -> float:
    """Seconds since anything in it was changed."""
    times = [file.lstat().st_mtime for file in _below(entry)]
    return time.time() - max([*times, entry.lstat().st_mtime])
