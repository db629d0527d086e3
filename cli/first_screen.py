"""The first screen of `compare run --help`, at once: what it takes without torch or Hydra."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import conf

Row = tuple[str, str]
"""A setting with its value here, and what it is."""

INDENT, GROUPS = 34, 15
"""Columns before the words about a setting, and before the options of a group."""

HEAD = """\
usage: compare run [GROUP=OPTION] [SETTING=VALUE] [+experiment=OPTION] [-m]

Pretrain one Transformer per objective under one budget, measure every model
under every objective's loss and on probes, and write a report.

  compare run objective=clm,mlm,simcse -m             a job for each value
  compare run objective=clm,mlm seed=0,1,2 -m         intervals over seeds
  compare run objective=mlm +experiment=smoke         tiny, to try a command

  -m, --multirun            a job for each of several values between commas
  --cfg job                 print the resolved configuration
  -cd, --config-dir FOLDER  more options, in folders named like the groups
  -sc install=bash          what lets the tab key complete all this (see compare --help)
  --hydra-help              Hydra's own flags
"""

PLAN = """\
usage: compare plan [GROUP=OPTION] [SETTING=VALUE] [+experiment=OPTION] [-m]

What `compare run` with the same arguments would do and take: jobs, updates,
tokens, operations, disk, and how long all of it takes here, which is found by
timing a few steps of each job. Nothing is trained.

  compare plan objective=clm,mlm,simcse -m
  compare plan objective=clm,mlm -m model=small
"""

HEADS = {"run": HEAD, "plan": PLAN}

ALL = "all"
"""After --help, in place of a choice: a line on every setting."""

MORE = """\
`compare run --help all` has a line on every setting, `compare run --help
objective=simcse` on those of what is chosen there. `compare list objectives`
(models, datasets, probes, runs) says what each option is.
"""


def show(command: str) -> None:
    """Print it, with the options that come with the package."""
    folders = [p for p in Path(conf.__file__).parent.iterdir() if any(p.glob("*.yaml"))]
    options = {path.name: sorted(file.stem for file in path.glob("*.yaml")) for path in folders}
    print_groups(HEADS[command], {group: options[group] for group in sorted(options)})


def print_groups(head: str, options: Mapping[str, Sequence[str]], *, whole: bool = False) -> None:
    """Print usage, then the groups, and how to see more.

    Args:
        head: the usage.
        options: of every group.
        whole: more follows; then groups with one option are shown too.
    """
    print(head)
    print("Groups and their options:")
    shown = [(f"{g}=", " ".join(o)) for g, o in options.items() if whole or len(o) > 1]
    print_rows(shown, indent=GROUPS)
    if not whole:
        print(f"\n{MORE}", end="")


def print_rows(rows: Sequence[Row], *, indent: int = INDENT) -> None:
    """Settings and what they are, in two columns of a terminal."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    for setting, about in rows:
        lines = textwrap.wrap(about, max(width - indent, 20)) or [""]
        head = f"  {setting}"
        print(f"{head:<{indent - 1}} {lines.pop(0)}" if len(head) < indent else head)
        for line in lines:
            print(" " * indent + line)
