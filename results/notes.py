"""Notes beside figures of likelihoods: by which one, and of minimal pairs how many tie."""

import re

from results.rows import Row
from results.settings import measure_settings

LIKELIHOODS = {
    "causal": "the total log-probability from left to right",
    "pseudo": "the pseudo-log-likelihood, each token masked once",
    "pseudo_next": "the pseudo-log-likelihood, read one place earlier",
}
"""How a sentence is scored, by the word that notes have for it."""

OF_WORDS = {
    "causal": "the log-probability of the word from left to right",
    "pseudo": "the log-probability of the word's tokens, all masked at once",
    "pseudo_next": "the log-probability of the word's tokens, all masked at once and read one "
    "place earlier",
}
"""The same of the last word of a text."""

_TIES = re.compile(r"(?:(.*), )?(\d+) ties")


def note_of(likelihood: str, ties: int) -> str:
    """What stands beside a figure: `causal, 3 ties`; of a simple method `3 ties`."""
    return ", ".join(filter(None, (likelihood, f"{ties} ties" if ties else "")))


def read_note(note: str) -> tuple[str, int]:
    """The likelihood and the number of ties of such a note; any other note whole, and 0."""
    found = _TIES.fullmatch(note)
    return (found[1] or "", int(found[2])) if found else (note, 0)


def is_of_words(row: Row, measure: str) -> bool:
    """Whether likelihoods of a measure are of last words, and not of sentences in pairs."""
    for run in (run for model in row.models for run in model.runs):
        for value in run.record.values:
            if run.name_of(value.measure) == measure:
                return bool(measure_settings(run.record, value.measure).get("kind") == "last_word")
    return False
