"""Notes beside figures of minimal pairs: by which likelihood, and how many pairs tie."""

import re

LIKELIHOODS = {
    "causal": "the total log-probability from left to right",
    "pseudo": "the pseudo-log-likelihood, each token masked once",
    "pseudo_next": "the pseudo-log-likelihood, read one place earlier",
}
"""By the word that notes have for them."""

_TIES = re.compile(r"(?:(.*), )?(\d+) ties")


def note_of(likelihood: str, ties: int) -> str:
    """What stands beside a figure: `causal, 3 ties`; of a simple method `3 ties`."""
    return ", ".join(filter(None, (likelihood, f"{ties} ties" if ties else "")))


def read_note(note: str) -> tuple[str, int]:
    """The likelihood and the number of ties of such a note; any other note whole, and 0."""
    found = _TIES.fullmatch(note)
    return (found[1] or "", int(found[2])) if found else (note, 0)
