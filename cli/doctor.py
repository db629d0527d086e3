"""`compare doctor`: one screen on what a run would find here, and a way out of what is wrong."""

import json
import re
import shutil
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from cli.arguments import parser_of
from cli.finding import Finding
from cli.hydra_app import call_without_output, parse
from cli.installed import plugins, versions
from cli.machine import machine, variables
from cli.places import hub, output

EXAMPLES = """\
compare doctor
compare doctor output_dir=/tmp/outputs trainer.threads=1
compare doctor --json
"""

MARKS = (
    "ok: all is well; note: a run gets over it; stop: a run would fail, and the exit code is 1. "
    "--json is for issue reports: it holds no secret, and ~ in place of your home folder."
)

INDENT = 26
"""Columns before a value."""


def main(arguments: Sequence[str]) -> int:
    """Print what was found.

    Returns:
        0, or 1 where something would stop a run.
    """
    about = "What a run would find here, on one screen, and a way out of what is wrong."
    parser = parser_of("doctor", about, examples=EXAMPLES, more=MARKS)
    parser.add_argument("overrides", nargs="*", help="output_dir=DIR and settings, as in run")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the page")
    parsed = parse(parser, arguments, help_by="compare doctor --help")
    found: list[dict[str, Any]] = []
    call_without_output(
        parsed.overrides,
        lambda config: found.append(
            {
                "trainer": OmegaConf.to_container(config.trainer, resolve=True),
                "workers": config.workers,
                "output_dir": Path(config.output_dir),
                "hub_dir": None if config.hub_dir is None else Path(config.hub_dir),
                "plugins": [str(path) for path in config.plugins],
            }
        ),
    )
    sections = examined(found[0])
    stops = any(each.stops for findings in sections.values() for each in findings)
    if parsed.json:
        told = {
            name: [{"mark": each.mark, **asdict(each)} for each in findings]
            for name, findings in sections.items()
        }
        print(json.dumps({"well": not stops, **told}, indent=1))
    else:
        _print(sections)
    return int(stops)


def examined(settings: Mapping[str, Any]) -> dict[str, list[Finding]]:
    """All findings, by heading.

    Args:
        settings: `trainer`, `workers`, `output_dir`, `hub_dir` and `plugins`.
    """
    folder = settings["output_dir"]
    looks: dict[str, Callable[[], Iterable[Finding]]] = {
        "machine": lambda: machine(settings, folder),
        "variables": variables,
        "versions": versions,
        "output": lambda: output(folder),
        "hub": lambda: hub(settings["hub_dir"]),
        "plugins": lambda: plugins(settings["plugins"]),
    }
    return {name: [_tidy(each) for each in _looked(look)] for name, look in looks.items()}


def _looked(look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a look found until something was too broken to look at, such as torch itself."""
    found: list[Finding] = []
    try:
        for each in look():
            found.append(each)  # noqa: PERF402 - what came before a failure is kept
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        value = f"{type(error).__name__}: {reason}"
        found.append(Finding("looking", value, "mend this first, or report it", stops=True))
    return found


def _tidy(found: Finding) -> Finding:
    """With ~ for the home folder, but in the name of the output folder, which the user chose."""
    value = found.value if found.what == "output_dir" else without_home(found.value)
    return Finding(without_home(found.what), value, without_home(found.advice), found.stops)


def without_home(text: str) -> str:
    """A text with ~ in place of the home folder."""
    home = str(Path.home()).rstrip("/")
    return re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text) if home else text


def _print(sections: Mapping[str, Sequence[Finding]]) -> None:
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    room = max(width - INDENT, 20)
    for name, findings in sections.items():
        print(name)
        for each in findings:
            lines = textwrap.wrap(each.value, room, break_on_hyphens=False) or [""]
            if each.advice:
                lines += textwrap.wrap(f"-> {each.advice}", room, break_on_hyphens=False)
            head = f"  {each.mark:<5}{each.what}"
            print(f"{head:<{INDENT - 1}} {lines.pop(0)}" if len(head) < INDENT else head)
            for line in lines:
                print(" " * INDENT + line)
