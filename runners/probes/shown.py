"""Test examples as a reader sees them: what a report shows where models disagree.

They are kept once a study, beside the simple methods, whatever the number of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LONGEST = 200
"""Characters of a text that are kept."""

MOST = 3_000
"""Examples of a list that are kept, spread evenly over it."""

CHOICES = 12
"""Answers to choose among that are named."""

BEFORE = 40
"""Characters that stand before the place where long texts begin to differ."""

DOTS = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Examples, one for each row of some figures.

    Attributes:
        metrics: names of the figures that rest on these very rows.
        header: what the texts of an example are; the right answer is among them.
        texts: of each example, in the order of the rows.
        choices: the answers that there are to choose among, where all examples share them.
    """

    metrics: Sequence[str]
    header: Sequence[str]
    texts: Sequence[Sequence[str]]
    choices: Sequence[str] = ()

    def exhibit(self) -> dict[str, Any]:
        """What a record keeps of them, JSON-like: at most MOST examples, texts cut to LONGEST."""
        count = len(self.texts)
        places = np.linspace(0, count - 1, min(MOST, count)).astype(int).tolist()
        some = [shortened(choice)[0] for choice in self.choices[:CHOICES]]
        left = len(self.choices) - len(some)
        return {
            "metrics": list(self.metrics),
            "header": list(self.header),
            "of": count,
            "places": places,
            "texts": [shortened(*self.texts[place]) for place in places],
            "choices": some + ([f"{left} more"] if left else []),
        }


def shortened(*texts: str) -> list[str]:
    """Texts in one line each and of LONGEST characters at most.

    Long ones that begin alike, as of minimal pairs, begin shortly before they differ.
    """
    lines = [" ".join(text.split()) for text in texts]
    if len(lines) > 1 and max(map(len, lines)) > LONGEST:
        letters = enumerate(zip(*lines[:2], strict=False))
        start = next((place for place, (a, b) in letters if a != b), 0) - BEFORE
        if start > 0:
            lines[:2] = [DOTS + line[start:] for line in lines[:2]]
    return [line if len(line) <= LONGEST else line[: LONGEST - 1] + DOTS for line in lines]


def ending(text: str) -> str:
    """The end of a text, of LONGEST characters at most."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else DOTS + line[1 - LONGEST :]
