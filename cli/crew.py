"""The processes of a sweep: started, listened to, ended, and replaced where a job took one down."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.claims import SWEEP, Claim, claims, drop_claim
from cli.jobs import record_names, run_fallen
from cli.main import UsageError
from cli.paths import shown
from cli.progress import Display, Lane
from cli.workers import BEGAN, EVENTS, MARK, PATIENCE
from results.store import ResultStore
from runners.hardware import devices
from runners.job import Job

COMMAND = (sys.executable, "-c", "from cli.main import main; raise SystemExit(main())")
"""`compare`, whatever the environment calls it."""

LOOK = 0.2
"""Seconds between two looks at the processes."""

USELESS = 2
"""So many processes in a row that ended before they began anything end the sweep."""


@dataclass
class _Member:
    """One process.

    Attributes:
        heard: when it last told anything (time.monotonic).
        ended: why it was ended, where it was.
    """

    number: int
    process: "subprocess.Popen[bytes]"
    log: Path
    lane: Lane
    heard: float
    ended: str = ""
    reader: threading.Thread = field(init=False)


class Crew:
    """The processes that share a batch of jobs.

    Args:
        jobs: of the batch.
        files: theirs, frozen.
        store: of records.
        display: shows what every process is at.
        name: of the sweep as it runs now, of no earlier try.
        logs: folder for what the processes say.
        began: the sweep, in UTC.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        files: Sequence[Path],
        store: ResultStore,
        display: Display,
        *,
        name: str,
        logs: Path,
        began: str,
    ) -> None:
        self._jobs, self._files, self._store, self._display = jobs, files, store, display
        self._name, self._logs, self._began = name, logs, began
        self._folder = jobs[0].config.output_dir
        self._hang = max(job.config.hang_seconds for job in jobs)
        self._members: list[_Member] = []
        self._useless = 0

    def run(self, count: int) -> None:
        """Let `count` processes run until all is done, whatever becomes of one of them.

        An interrupt reaches all of them, and is waited for; a second one kills them.

        Raises:
            UsageError: they cannot use what they are given.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        try:
            for number in range(1, count + 1):
                self._start(number)
            while self._members:
                time.sleep(LOOK)
                for member in list(self._members):
                    self._look_at(member)
        except (KeyboardInterrupt, SystemExit) as error:
            asked = isinstance(error, KeyboardInterrupt)
            if asked:
                self._display.say("stopping after the step under way; Ctrl-C again stops at once")
            self._stop(signal.SIGINT if asked else signal.SIGTERM)
            raise
        finally:
            for member in self._members:
                member.process.kill()
                member.process.wait()
                _close(member)

    def _start(self, number: int) -> None:
        log = self._logs / f"worker-{number}.log"
        told, tell = os.pipe()
        try:
            with log.open("ab") as sink:
                process = subprocess.Popen(
                    [*COMMAND, "job", *map(str, self._files)],
                    env={**os.environ, **self._environment(number, tell)},
                    stdin=subprocess.PIPE,
                    stdout=sink,
                    stderr=sink,
                    pass_fds=[tell],
                    process_group=0,  # what a terminal sends comes through us
                )
        finally:
            os.close(tell)
        lane = self._display.lane(f"process {number}")
        member = _Member(number, process, log, lane, time.monotonic())
        member.reader = threading.Thread(target=_listen, args=(told, member), daemon=True)
        member.reader.start()
        self._members.append(member)

    def _environment(self, number: int, tell: int) -> dict[str, str]:
        found = {
            MARK: str(number),
            SWEEP: self._name,
            BEGAN: self._began,
            EVENTS: str(tell),
            "PYTHONFAULTHANDLER": "1",
        }
        if any(job.config.trainer.device == "cuda" for job in self._jobs):
            each = devices()
            found["CUDA_VISIBLE_DEVICES"] = each[(number - 1) % len(each)]
        return found

    def _look_at(self, member: _Member) -> None:
        code = member.process.poll()
        if code is None:
            silent = time.monotonic() - member.heard
            if silent > self._hang:
                member.ended = f"it showed no progress for {silent:,.0f} s and was ended"
                _end(member.process)
            return
        member.reader.join()
        member.lane.done()
        _close(member)
        self._members.remove(member)
        fallen = self._claims_of(member)
        for claim in fallen:
            self._bury(claim, member, code)
        if code == 0 or not self._left():
            return
        self._useless = 0 if fallen else self._useless + 1
        if code == 2 or self._useless >= USELESS:
            raise UsageError(
                f"{_how(code)} before it began a job: {_last_line(member.log)} (all that it said "
                f"is in {shown(member.log)})"
            )
        self._start(member.number)

    def _left(self) -> bool:
        """Whether a record is missing, or there from an earlier try alone."""
        found = map(self._store.readable, record_names(self._jobs))
        return any(
            record is None or (record.status == "failed" and record.created < self._began)
            for record in found
        )

    def _claims_of(self, member: _Member) -> list[Claim]:
        return [
            claim
            for claim in claims(self._folder).values()
            if claim.sweep == self._name and claim.process == member.process.pid
        ]

    def _bury(self, claim: Claim, member: _Member, code: int) -> None:
        """Say what became of a job, in its record and on screen."""
        at = f" at {claim.stage}" if claim.stage else ""
        why = member.ended or _how(code)
        error = f"{why}{at}; {shown(member.log)} has what it said last"
        run_fallen(self._jobs, claim.name, error, self._store)
        drop_claim(self._folder, claim.name)
        member.lane.say(f"{claim.name} failed: {error}")

    def _stop(self, number: int) -> None:
        """Let every process write what it must, and end."""
        for member in self._members:
            member.process.send_signal(number)
        until = time.monotonic() + PATIENCE
        for member in self._members:
            try:
                member.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()


def _close(member: _Member) -> None:
    """Let go of the pipe that a process would have noticed our end by."""
    assert member.process.stdin is not None
    member.process.stdin.close()


def _listen(told: int, member: _Member) -> None:
    """Show what a process tells, until it ends."""
    with os.fdopen(told) as lines:
        for line in lines:
            member.heard = time.monotonic()
            with contextlib.suppress(ValueError):  # killed within a line
                _show(json.loads(line), member.lane)


def _show(given: dict[str, Any], lane: Lane) -> None:
    event = given.pop("event")
    getattr(lane, event)(**given)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Give a process a while to end by itself, and no more than that."""
    process.terminate()
    try:
        process.wait(PATIENCE / 6)
    except subprocess.TimeoutExpired:
        process.kill()


def _how(code: int) -> str:
    """What an exit status says of an end."""
    if code >= 0:
        return f"its process ended with exit status {code}"
    named = signal.Signals(-code)
    return f"its process was killed by {named.name} ({signal.strsignal(named)})"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
