"""Masked language modelling that goes wrong at its third update, in the way that it is told."""

import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass

from objectives.mlm import MLM


@dataclass(frozen=True, kw_only=True)
class Faulty(MLM):
    """A toy, to see what becomes of the other jobs.

    Attributes:
        fault: `none`, `raises`, `exits`, `killed`, `segfaults` or `hangs`.
    """

    fault: str = "none"

    def corrupt(self, batch, *, vocabulary, draw, moment):
        """Break, or do what MLM does."""
        if moment.step == 2:
            {
                "none": lambda: None,
                "raises": lambda: 1 / 0,
                "exits": lambda: sys.exit(3),
                "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
                "segfaults": lambda: ctypes.string_at(0),
                "hangs": lambda: time.sleep(600),
            }[self.fault]()
        return super().corrupt(batch, vocabulary=vocabulary, draw=draw, moment=moment)
