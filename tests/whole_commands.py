"""Whole commands on a tiny job, in this process: settings, a call, and where its report lies."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cli.main import main

TINY = [
    "+experiment=smoke",
    "dataset.libraries=[stdlib,numpy,pandas,scipy,matplotlib,sympy]",
    "dataset.max_files=110",
    "dataset.test_share=0.25",
    "dataset.sequence_length=64",
    "dataset.max_documents=null",
    "model.hidden_size=32",
    "model.max_length=64",
    "budget.amount=6",
    "objective.rows_per_update=8",
    "probe=retrieval",
    "trainer.dtype=float32",
    "hydra/launcher=inline",
]


def run(output: Path, *arguments: str) -> int:
    return main(["run", *arguments, *_others(arguments), f"output_dir={output}"])


def in_processes(output: Path, *arguments: str) -> list[str]:
    """The same as a command line whose jobs have processes of their own, two at a time."""
    others = [item for item in _others(arguments) if not item.startswith("hydra/launcher")]
    return ["run", *arguments, *others, f"output_dir={output}", "workers=2"]


def _others(arguments: Sequence[str]) -> list[str]:
    names = {argument.partition("=")[0] for argument in arguments}
    return [setting for setting in TINY if setting.partition("=")[0] not in names]


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`compare` as a user starts it, with what it prints at hand."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def report_path(text: str) -> Path:
    last = text.strip().splitlines()[-1]
    assert last.startswith("report: ")
    return Path(last.removeprefix("report: "))
