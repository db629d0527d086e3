"""`compare check`: whether an objective, a plugin's too, holds what every objective must hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cli.arguments import parser_of
from cli.hydra_app import call_without_output, compose_option, parse
from objectives.trainable import Trainable
from runners.checks import CHECKS
from runners.configuration.read import objective

EXAMPLES = """\
compare check objective mlm
compare check objective mine 'plugins=[mine.py]' --config-dir .   # made by `compare new`
"""


def main(arguments: Sequence[str]) -> int:
    """Print a line for every check.

    Returns:
        0, or 1 where one does not hold.
    """
    about = "Whether an objective, of your own too, holds what every objective must hold."
    parser = parser_of("check", about, examples=EXAMPLES)
    parser.add_argument("what", choices=["objective"], metavar="objective")
    parser.add_argument("name", help="an option of the group, as in run: objective=NAME")
    parser.add_argument("overrides", nargs="*", help="plugins=[FILE] and settings, as in run")
    parser.add_argument("--config-dir", "-cd", help="a folder with more options, as in run")
    parsed = parse(parser, arguments, help_by="compare check --help")
    flags = ["--config-dir", parsed.config_dir] if parsed.config_dir else []
    found: list[Trainable] = []

    def compose(settings: Any) -> None:
        values = compose_option("objective", parsed.name, parsed.overrides)
        plugins = [Path(str(path)) for path in settings.plugins]
        found.append(objective(values, plugins, "objective"))

    call_without_output([*flags, f"objective={parsed.name}", *parsed.overrides], compose)
    failed = 0
    for check in CHECKS:
        torch.manual_seed(0)
        reason = _reason(check, found[0])
        failed += bool(reason)
        name = check.__name__.replace("_", " ")
        print(f"{'no ' if reason else 'yes'}  {name}{f': {reason}' if reason else ''}")
    print(f"{parsed.name}: {len(CHECKS) - failed} of {len(CHECKS)} hold")
    return int(failed > 0)


def _reason(check: Any, trained: Trainable) -> str:
    try:
        check(trained)
    except AssertionError as error:
        return str(error) or "it does not hold"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
