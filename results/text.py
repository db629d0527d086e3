"""Texts that come from data and from users: made harmless to look at, and to name files by."""

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What steers a terminal, turns the direction of the text around it, or is no character at all."""

_UNFIT = re.compile(r"[^\w.,+=@() -]|^[. -]+")

LONGEST = 160
"""Bytes of a name's text: systems take 255, and a hash and an ending follow."""


def visible(text: str) -> str:
    """With the number in the place of what would not be seen but do something: `(U+202E)`."""
    return _UNSEEN.sub(lambda found: f"(U+{ord(found[0]):04X})", text)


def one_line(text: str) -> str:
    """The same in one line."""
    return visible(" ".join(text.split()))


def encodable(text: str) -> str:
    """With halves of pairs, which UTF-8 cannot write, as their numbers."""
    return text.encode(errors="backslashreplace").decode()


def file_name(text: str) -> str:
    """A text as a part of a file's name that leads to no other folder. Two may become one."""
    found = _UNFIT.sub(lambda unfit: "_" * len(unfit[0]), text)
    return found.encode()[:LONGEST].decode(errors="ignore")
