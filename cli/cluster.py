"""What a node of a cluster does: run a job's command, and where it is preempted, run it again."""

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAUSE = 0.2
"""Seconds between two looks at whether the command has ended."""

GRACE = 60.0
"""Seconds that it has to save and end before a preemption; Slurm gives 90 from its signal on."""


def job_command(file: Path, processes: int) -> list[str]:
    """What runs a job file.

    Args:
        file: of the job.
        processes: that share its training.
    """
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [sys.executable, *(several if processes > 1 else []), "-m", "cli", "job", str(file)]


class JobRun:
    """A command as submitit calls it; what it had done is in its own checkpoints."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, command: Sequence[str]) -> None:
        """Run it to its end.

        Raises:
            RuntimeError: it has failed.
        """
        self._process = subprocess.Popen(command, preexec_fn=_leave_preemption_to_us)
        while self._process.poll() is None:
            time.sleep(PAUSE)
        if code := self._process.returncode:
            raise RuntimeError(f"{shlex.join(command)}: exit {code}")

    def checkpoint(self, command: Sequence[str]) -> Any:
        """End it as it ends when it is asked to, by saving; and what is to be run next time."""
        from submitit.helpers import DelayedSubmission

        if self._process is not None:
            self._process.terminate()
            until = time.monotonic() + GRACE
            while self._process.poll() is None and time.monotonic() < until:
                time.sleep(PAUSE)
            self._process.kill()
        return DelayedSubmission(JobRun(), command)


def _leave_preemption_to_us() -> None:
    """Slurm's warning goes to all processes of a task, and would end those that do not know it."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
