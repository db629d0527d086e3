"""`torchrun ... compare run`: one process does what the command says, the others train along."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from cli.main import UsageError
from runners.distributed import (
    GroupLostError,
    OwnError,
    is_started_by_torchrun,
    joined,
)
from runners.follow import follow


def main(given: Sequence[str]) -> int:
    """Run a command in the processes that torchrun started.

    Args:
        given: the module of the command, and its arguments.

    Returns:
        What the command returns in the first process; 0 in the others; 1 where one is lost.
    """
    module, *arguments = given
    if not is_started_by_torchrun():  # as one process
        return int(import_module(module).main(arguments))
    group = None
    try:
        with joined() as group:
            if group.first:
                return int(import_module(module).main(arguments))
            follow(group)
        _end_at_once()
    except GroupLostError as error:
        if group is None or group.first or isinstance(error, OwnError):
            print(f"compare: {error}; the same command goes on where this stopped", file=sys.stderr)
            return 1
    except ValueError as error:
        if group is None:
            raise UsageError(str(error)) from error
        raise
    return 0


def _end_at_once() -> None:
    """End a process that has trained along and left the group: two of eleven ends of a test
    were aborted, as if by a thread of torch's that outlived the interpreter.
    """  # noqa: D205
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
