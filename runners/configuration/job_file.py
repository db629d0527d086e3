"""A job as a file: all that another process needs to run it, frozen before the first job starts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.configuration.experiment import ExperimentConfig, written
from runners.configuration.read import read
from runners.disk import write_whole
from runners.identity import code_hash, name_of

FORMAT = 1
"""Raised whenever the meaning of a part changes."""

AGAIN = "run the command again that it came from"


@dataclass(frozen=True)
class JobFile:
    """What a file says.

    Attributes:
        name: of the record that the job will leave.
        title: of the job, for the eye.
        config: resolved.
    """

    name: str
    title: str
    config: ExperimentConfig


def write_job(job: JobFile) -> Path:
    """Write it to `output_dir/jobs/NAME.json`, whole or not at all."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "name": job.name,
        "title": job.title,
        "code": code_hash(),
        "config": written(job.config),
    }
    file = job.config.output_dir / "jobs" / f"{job.name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps({**content, "digest": _digest(content)}, indent=1))
    return file


def read_job(file: Path) -> JobFile:
    """Read what `write_job` wrote.

    Raises:
        ValueError: it is missing, damaged, edited, of another version, or names a plugin or a
            checkpoint that has changed.
    """
    try:
        content = json.loads(file.read_text())
        assert isinstance(content, dict)
        digest = content.pop("digest")
    except (OSError, ValueError, KeyError, AssertionError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else "damaged"
        raise ValueError(f"{file} is no job file: {reason}; {AGAIN}") from error
    if content.get("format") != FORMAT:
        raise ValueError(
            f"{file} is of another version (format {content.get('format')}, this one reads "
            f"{FORMAT}): {AGAIN}"
        )
    if digest != _digest(content):
        raise ValueError(
            f"{file} was edited since it was written; settings are changed on the command line: "
            f"{AGAIN}"
        )
    if content["code"] != code_hash():
        raise ValueError(
            f"{file} is of another version (code {content['code'][:8]}, this is "
            f"{code_hash()[:8]}): {AGAIN}"
        )
    try:
        config = read(content["config"])
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return JobFile(content["name"], content["title"], config)


def _digest(content: dict[str, Any]) -> str:
    return name_of(content, length=64)
