"""Prose inside documents: clean sentences, and the natural pair of a summary and its body."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.initialization import seed_of
from runners.corpora.document import count_groups

_BLANK_LINE = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_CLEAN = re.compile(r"[A-Z][a-z]*(?:[ ,;:'-]+[a-z]+)+[.]")
_PROSE_ENDS = re.compile(
    # Where a docstring stops being prose: a section, a field, an example, a table.
    r"^\s*(?:(?:Parameters|Args|Arguments|Returns?|Yields?|Raises|Attributes|Examples?|Notes?|"
    r"References|See Also|Shape|Inputs?|Outputs?|Keyword Arg\w*|Usage)\s*:{0,2}\s*$"
    r"|:\w+|>>>|\.\. |[-=~]{3,}|\w+ : )",
    re.MULTILINE,
)

FEW_PAIRS = 256


def flatten(text: str) -> str:
    """The text in one line, with single spaces."""
    return " ".join(text.split())


def sentences(text: str) -> list[str]:
    """The text's sentences, each in one line; a blank line ends one as well."""
    return [
        sentence
        for paragraph in _BLANK_LINE.split(text)
        for sentence in _SENTENCE_END.split(flatten(paragraph))
        if sentence
    ]


def is_clean(sentence: str, *, shortest: int = 6, longest: int = 25) -> bool:
    """Whether it is plain prose: lower-case words after the first, no code, digits or names."""
    return bool(_CLEAN.fullmatch(sentence)) and shortest <= len(sentence.split()) <= longest


def opening(text: str, *, longest: int) -> list[str]:
    """The first whole sentences of the prose that a text begins with, of `longest` words at most.

    Prose ends at a section heading, a field, an example.
    """
    taken: list[str] = []
    words = 0
    for sentence in sentences(_prose(text)):
        words += len(sentence.split())
        if words > longest:
            break
        taken.append(sentence)
    return taken


def summary_and_body(text: str) -> tuple[str, str] | None:
    """A document's first paragraph, or else first sentence, and the prose that follows.

    The body is cut where prose ends (a section heading, a field, an example).

    Returns:
        Both in one line, or None unless the summary has 4 words and the body 8.
    """
    parts = _split(text)
    if parts is None:
        return None
    first, rest = parts
    summary, body = flatten(first), flatten(_prose(rest))
    if len(summary.split()) < 4 or len(body.split()) < 8:
        return None
    return summary, body


def _prose(text: str) -> str:
    end = _PROSE_ENDS.search(text)
    return text[: end.start()] if end else text


def _split(text: str) -> tuple[str, str] | None:
    """After the first paragraph, or where there is only one after its first sentence."""
    parts = _BLANK_LINE.split(text.strip(), maxsplit=1)
    if len(parts) == 2:
        return parts[0], parts[1]
    parts = _SENTENCE_END.split(text.strip(), maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 else None


def body_start(text: str) -> int:
    """The character at which what follows a summary begins, or 0 where nothing does.

    Looser than `summary_and_body`, which is for measuring: here lists and examples belong too.
    """
    parts = _split(text)
    if parts is None or len(parts[0].split()) < 3 or len(parts[1].split()) < 3:
        return 0
    return len(text.rstrip()) - len(parts[1].strip())


@dataclass(frozen=True, slots=True)
class NaturalPairs:
    """Summaries and bodies of the same documents.

    Attributes:
        summaries, bodies: the i-th of each belong together.
        groups: the group of each document (its module), the unit of resampling.
    """

    summaries: list[str]
    bodies: list[str]
    groups: list[str]

    def __len__(self) -> int:
        return len(self.summaries)


def natural_pairs(documents: pd.DataFrame, *, limit: int, per_group: int = 2) -> NaturalPairs:
    """At most `limit` pairs in an order given by their hash, few of each group.

    Args:
        documents: with columns text and group.
        limit: most pairs.
        per_group: most pairs of one group, so that no large module decides the figure; more where
            the groups are too few (authors, books) for FEW_PAIRS.
    """
    groups = max(count_groups(documents["group"], FEW_PAIRS), 1)
    per_group = max(per_group, -(-min(limit, FEW_PAIRS) // groups))
    columns = documents["text"], documents["group"]
    seeds = map(seed_of, *columns)
    order = np.argsort(np.fromiter(seeds, np.int64, len(documents)), kind="stable")
    taken: dict[str, int] = {}
    seen: set[str] = set()
    pairs = NaturalPairs([], [], [])
    for text, group in zip(*(column.iloc[order] for column in columns), strict=True):
        if len(pairs) == limit:
            break
        pair = summary_and_body(text) if taken.get(group, 0) < per_group else None
        if pair is None:
            continue
        if not seen.isdisjoint(pair):  # a summary that fits two bodies has no right answer
            continue
        seen.update(pair)
        taken[group] = taken.get(group, 0) + 1
        pairs.summaries.append(pair[0])
        pairs.bodies.append(pair[1])
        pairs.groups.append(group)
    return pairs
