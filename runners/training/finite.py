"""Whether the numbers of a training are finite: looked at in every update, read where it is free.

A GPU works behind the program, which waits for it whenever it reads a number. So what is known of
an update stays on the device until something is read anyway: at points of the curve and before a
checkpoint. A processor is read at once.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from results.record import DIVERGED
from runners.training.updates import Update

MOST = 1000
"""Updates after which a GPU is waited for at the latest."""


class DivergedError(RuntimeError):
    """A number that is to be trained on, or came of it, is not finite."""


class Finite:
    """Notes the numbers of updates, and stops at the first that is not finite.

    Args:
        at_once: read every number when it is noted.
    """

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once
        self._waiting: list[tuple[int, tuple[str, ...], Tensor, Tensor]] = []

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to read."""
        return bool(self._waiting)

    def note(self, step: int, numbers: Mapping[str, Tensor]) -> None:
        """Of one update.

        Args:
            step: its number, counted from 1.
            numbers: () each, by what they are: `loss of clm`.

        Raises:
            DivergedError: as of `read`, where it is read.
        """
        values = torch.stack([value.detach().double() for value in numbers.values()])
        self._waiting.append((step, tuple(numbers), values, values.isfinite().all()))
        if self._at_once or len(self._waiting) >= MOST:
            self.read()

    def read(self) -> None:
        """Look at all that was noted, and forget it.

        Raises:
            DivergedError: a number is not finite; says which, and of which update.
        """
        waiting, self._waiting = self._waiting, []
        whole = torch.stack([each[-1] for each in waiting]).tolist() if waiting else []
        for (step, names, values, _), is_whole in zip(waiting, whole, strict=True):
            if not is_whole:
                found = zip(names, values.tolist(), strict=True)
                name, value = next(each for each in found if not math.isfinite(each[1]))
                raise DivergedError(
                    f"{DIVERGED} {step}: the {name} is {value}; a lower objective.learning_rate "
                    "may help"
                )


def check_input(update: Update) -> None:
    """Raise DivergedError where an update is to be computed of numbers that are not finite."""
    for part in update.parts:
        for name, value in part.leaf.prepared.more.items():
            if value.is_floating_point() and not value.isfinite().all():
                raise DivergedError(
                    f"{DIVERGED} {update.ledger.steps}: the input of "
                    f"{part.leaf.objective.name} ({name}) holds numbers that are not finite"
                )
