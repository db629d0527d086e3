"""Entities of a tagged sentence, counted as conlleval counts them (CoNLL 2003)."""

from collections.abc import Iterator, Sequence

OUTSIDE = "O"
"""The tag of words that belong to none."""


def entities(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Kind, first place and the place after the last of every entity of a tagged sentence.

    As of conlleval: an `I-` that nothing of its kind stands before begins one.
    """
    start, kind = 0, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, own = tag.partition("-")
        goes_on = prefix == "I" and own == kind
        if kind and not goes_on:
            yield kind, start, place
        if not goes_on:
            start, kind = place, own if prefix in ("B", "I") else ""
