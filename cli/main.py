"""The command `compare`: hands over to a sub-command, which alone imports what it needs."""

import contextlib
import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from io import TextIOWrapper

from results.text import one_line
from runners.disk import is_full
from runners.training.interrupts import TERMINATED

HELP = """\
Which pretraining objective should I use, on my corpus, for my tasks, under my budget?

usage: compare COMMAND [ARGUMENT ...]

  run     pretrain one model per objective, measure them all, write a report
  status  what became of the jobs of a sweep, or how far they are
  resume  go on with a sweep where it was left
  job     run jobs that `run` wrote down, those that nobody is running
  submit  the jobs of `run` on a Slurm cluster
  plan    what `run` with the same arguments would do and take; trains nothing
  cost    what jobs would take of other machines: time, memory, traffic; reads nothing
  new     begin an objective or a probe of your own: a working file, its YAML and a test
  check   whether an objective of your own holds what every objective must
  list    objectives | models | datasets | probes | runs
  report  build the report of finished runs again, in other formats, or what changed
  export  the model of a run as a folder of transformers and sentence-transformers
  track   the runs for TensorBoard or Weights & Biases
  doctor  what a run would find here (device, speed, versions, disk, hub), and what to mend

examples:
  compare doctor
  compare run objective=clm,mlm,simcse -m
  compare run objective=clm,mlm -m dataset=local dataset.path=my_texts/
  compare plan objective=clm,mlm -m model=small
  compare new objective mine

`compare COMMAND --help` says more, `compare run --help all` a line on every setting. The tab key
completes all this after `eval "$(compare run -sc install=bash)"`, or zsh in the place of bash; in
fish after `compare run -sc install=fish | source`.

  --version, --help
"""

UNREAD = 128 + signal.SIGPIPE
"""The exit status where nobody reads what is printed, as shells have it."""

CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
"""What a place answers where nothing may be written, any more or ever."""

KERNELS_KEPT = "4096"
"""By oneDNN, for shapes of products; its own 1,024 are fewer than a training of MLM has."""

COMMANDS = {
    "run": "cli.run",
    "job": "cli.job",
    "submit": "cli.submit",
    "resume": "cli.resume",
    "status": "cli.status",
    "plan": "cli.plan",
    "cost": "cli.cost",
    "new": "cli.new",
    "check": "cli.check",
    "list": "cli.listing",
    "report": "cli.report",
    "export": "cli.export",
    "track": "cli.track",
    "doctor": "cli.doctor",
}

TRAINING = ("run", "job", "resume")
"""Commands that several processes may share, by torchrun."""


class UsageError(Exception):
    """What the user typed or gave cannot be used; the message says what would be right."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 when all is done, 1 when some jobs failed, 2 for wrong usage or configuration, 130
        when interrupted, 141 when nobody reads on (`| head`), 143 when terminated.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever the terminal's letters are
    command, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("--help", "-h", "help"):
        print(HELP, end="")
        return 0
    if command == "--version":
        from importlib.metadata import version

        print(f"compare {version('compare')}")
        return 0
    try:
        if command not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(command, COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"there is no command {command!r}; {hint}known: {', '.join(COMMANDS)}")
        if command in ("run", "plan") and rest in (["--help"], ["-h"]):
            from cli.first_screen import show

            show(command)
            return 0
        module = COMMANDS[command]
        if command in ("run", "plan") and {"-sc", "--shell-completion"} & set(rest):
            module = "cli.completion"  # which is waited for at every key, so without torch
        if command in TRAINING and "TORCHELASTIC_RUN_ID" in os.environ:  # started by torchrun
            module, rest = "cli.ranks", [module, *rest]
        _set_up_kernels()
        with _termination():
            code: int = import_module(module).main(rest)
            sys.stdout.flush()
    except UsageError as error:
        print(f"compare: {one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("compare: interrupted; the same command goes on where this stopped", file=sys.stderr)
        return 130
    except SystemExit as end:
        if end.code != TERMINATED:
            raise
        print("compare: terminated; the same command goes on where this stopped", file=sys.stderr)
        return TERMINATED
    except BrokenPipeError:
        if not _has_lost_its_reader():
            raise
        return UNREAD
    except OSError as error:
        if not is_full(error) and error.errno not in CLOSED:
            raise
        place = f", {error.filename}" if error.filename else ""
        mended = "with more room" if is_full(error) else "where it may be written"
        said = f"{error.strerror or error}{place}: what is finished is kept, and {mended} the same"
        print(f"compare: {one_line(said)} command goes on", file=sys.stderr)
        return 1
    return code


def _set_up_kernels() -> None:
    """What torch's libraries read when they are loaded, where the user has not said it.

    Threads of OpenMP that wait for each other soon give way: where another process wants their
    core, two of them fall to a third of their speed as they are, and so to more than a half; alone
    they lose nothing that could be measured. And oneDNN keeps the kernels that it made for more
    shapes of products, since losses at some of the tokens have other shapes at every update
    (docs/performance.md).
    """
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ["GOMP_SPINCOUNT"] = "1000"
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS_KEPT)


def _has_lost_its_reader() -> bool:
    """Whether what was printed cannot be written; then nothing more is tried."""
    with contextlib.suppress(OSError):  # no file at all
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return True
    return False


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Let SIGTERM end a command as an exception does, so that nothing is left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
