"""The directory of a sweep: what it is made of, frozen before its first job, and its logs."""

import argparse
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cli.main import UsageError
from cli.paths import shown
from runners.disk import write_whole

FORMAT = 1
"""Raised whenever the meaning of a part changes."""


@dataclass(frozen=True)
class Sweep:
    """One command's jobs.

    Attributes:
        folder: `output_dir/sweeps/DATE_TIME`, of no other sweep.
    """

    folder: Path

    @classmethod
    def begin(cls, output_dir: Path, command: str) -> "Sweep":
        """Make the directory: of any number of sweeps in one second, each has its own."""
        parent = output_dir / "sweeps"
        parent.mkdir(parents=True, exist_ok=True)
        name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        number = 1
        while True:
            folder = parent / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
                break
            except FileExistsError:
                number += 1
        sweep = cls(folder)
        sweep.write(command=command, files=[], references=[])
        return sweep

    @classmethod
    def find(cls, place: Path) -> "Sweep":
        """The sweep of a directory, or the newest of an output directory.

        Raises:
            UsageError: there is none.
        """
        if (place / "sweep.json").is_file():
            return cls(place)
        found = sweeps(place)
        if not found:
            raise UsageError(
                f"there is no sweep in {shown(place)}; name the output directory of a `compare "
                "run`, or one of the folders below its sweeps/"
            )
        return found[-1]

    @property
    def name(self) -> str:
        """Which no other sweep of the output directory has."""
        return self.folder.name

    @property
    def output_dir(self) -> Path:
        """Of its jobs."""
        return self.folder.parent.parent

    @property
    def logs(self) -> Path:
        """What its processes say."""
        return self.folder / "logs"

    def read(self) -> dict[str, Any]:
        """What `write` wrote.

        Raises:
            UsageError: it is damaged, or another version wrote it.
        """
        file = self.folder / "sweep.json"
        try:
            content: dict[str, Any] = json.loads(file.read_text())
            if content["format"] == FORMAT:
                return content
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{shown(file)} is damaged; run its command again") from error
        raise UsageError(f"{shown(file)} is of another version; run its command again")

    def write(self, **more: object) -> None:
        """Enter what is known now.

        Args:
            more: `command`, `files` of jobs, `references` (records that jobs are compared with),
                at the end `report`.
        """
        file = self.folder / "sweep.json"
        known = self.read() if file.is_file() else {}
        content = {
            **known,
            "format": FORMAT,
            "process": os.getpid(),
            "host": socket.gethostname(),
            **more,
        }
        write_whole(file, json.dumps(content, indent=1))

    def alone(self) -> FileLock:
        """A lock that one process has at a time: the one that runs the sweep.

        Raises:
            UsageError: another has it.
        """
        lock = FileLock(self.folder / "running.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            content = self.read()
            raise UsageError(
                f"{shown(self.folder)} is being run by process {content['process']} on "
                f"{content['host']}; `compare status` shows how far it is"
            ) from error
        return lock

    def add(self, files: Sequence[Path], references: Sequence[str]) -> None:
        """Enter jobs, of an adaptive sweep batch by batch."""
        content = self.read()
        names = [os.path.relpath(file, self.output_dir) for file in files]
        self.write(
            files=list(dict.fromkeys([*content["files"], *names])),
            references=list(dict.fromkeys([*content["references"], *references])),
        )

    def files(self) -> list[Path]:
        """Of its jobs."""
        return [self.output_dir / name for name in self.read()["files"]]

    def titles(self) -> Mapping[str, str]:
        """Of its jobs, by name of the record; of the others the name."""
        found = {}
        for file in self.files():
            try:
                content = json.loads(file.read_text())
                found[content["name"]] = content["title"]
            except (OSError, ValueError, KeyError, TypeError):
                found[file.stem] = f"{file.stem} (its job file is damaged)"
        return found | {name: name for name in self.read()["references"]}


def add_place(parser: argparse.ArgumentParser) -> None:
    """The argument that names a sweep, for `Sweep.find`."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("outputs"),
        help="an output directory, whose newest sweep is meant, or one of its sweeps/",
    )


def sweeps(output_dir: Path) -> list[Sweep]:
    """All below an output directory, the oldest first."""
    found = [file.parent for file in (output_dir / "sweeps").glob("*/sweep.json")]
    return [Sweep(folder) for folder in sorted(found, key=lambda folder: _order(folder.name))]


def _order(name: str) -> tuple[str, int]:
    """By time, and where several began in one second by their number."""
    when, number = name[:19], name[20:]
    return (when, int(number) if number.isdigit() else 1)
