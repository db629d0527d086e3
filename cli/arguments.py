"""Arguments of the commands that are not Hydra's: their help fits a screen and ends in examples."""

import argparse
import textwrap


def parser_of(
    command: str, about: str, *, examples: str, more: str = ""
) -> argparse.ArgumentParser:
    """A parser whose help has examples below the arguments.

    Args:
        command: of `compare`.
        about: what it does.
        examples: a line each, which work as they are.
        more: words below them.
    """
    epilog = "examples:\n" + textwrap.indent(examples.strip(), "  ")
    return argparse.ArgumentParser(
        prog=f"compare {command}",
        description=textwrap.fill(about, 98),
        epilog=f"{epilog}\n\n{textwrap.fill(more, 98)}" if more else epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
