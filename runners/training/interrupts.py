"""Signals that wait until an update is taken and a checkpoint written."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

TERMINATED = 128 + signal.SIGTERM
"""The exit status of a process that SIGTERM ended: 143."""


class Interrupts:
    """Within, SIGTERM and Ctrl-C are only noted, and obeyed at the end; the same once more ends
    at once.

    A process that was told to ignore one of them goes on ignoring it, and so does whoever runs in
    a thread that gets no signals.

    Raises:
        KeyboardInterrupt: at the end, if it was Ctrl-C.
        SystemExit: with 143, if it was SIGTERM.
    """  # noqa: D205

    def __init__(self) -> None:
        self._noted: list[int] = []
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int] = {}

    @property
    def asked(self) -> bool:
        """Whether to come to an end."""
        return bool(self._noted)

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                before = signal.getsignal(number)
                if before is not None and before is not signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if self._noted:
            raise _end(self._noted[0]) from error

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in self._noted:
            raise _end(number)
        self._noted.append(number)


def _end(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(TERMINATED)
