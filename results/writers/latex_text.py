r"""Any text as LaTeX that sets it as typed: ASCII, and no character of it means anything else.

That holds for `\input{file}` as for quotes that a babel language makes active, for marks that turn
the direction of text as for ligatures such as `--`.
"""

import re
import unicodedata

SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"{\upshape\$}",  # in italics it would ask for a font that few have as outlines
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # \textquotedbl asks for an encoding
    "`": r"\`{}",
    "[": "{[}",  # behind \\ it would begin an argument, and * would be a star
    "]": "{]}",
    "*": "{*}",
}
"""What LaTeX would take for its own, or set as another sign."""

LETTERS = {
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "\N{LATIN SMALL LETTER DOTLESS I}": r"\i{}",
    "\N{EN DASH}": r"\textendash{}",
    "\N{EM DASH}": r"\textemdash{}",
    "\N{LEFT SINGLE QUOTATION MARK}": r"\textquoteleft{}",
    "\N{RIGHT SINGLE QUOTATION MARK}": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "…": r"\textellipsis{}",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "±": r"$\pm$",
    "\N{MINUS SIGN}": "$-$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "⚠": r"\textbf{(!)}",
}
"""Characters beyond ASCII for which every font has something."""

ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
"""Combining accents and the commands that set them."""

UNICODE = (
    r"\providecommand{\compareunicode}[2]"
    r"{\ifdefined\Umathcode\char#2\relax\else\texttt{U+#1}\fi}"
)
"""What must stand before a text with a character that pdfLaTeX's fonts lack: there it is set as its
number, and as itself where the engine can."""

LIGATURES = "-',"
"""Signs of which two in a row would be set as one."""


def escape(text: str) -> str:
    """What a user typed, to be set as typed in one line, cell or comment."""
    parts = []
    previous = ""
    for char in re.sub(r"\s+", " ", text):
        if char == previous and char in LIGATURES:
            parts.append("{}")
        parts.append(_shown(char))
        previous = char
    return "".join(parts)


def _shown(char: str) -> str:
    if char in SIGNS:
        return SIGNS[char]
    if " " <= char <= "\N{TILDE}":
        return char
    if char in LETTERS:
        return LETTERS[char]
    base, *accents = list(unicodedata.normalize("NFD", char))
    if len(accents) == 1 and accents[0] in ACCENTS and base.isascii() and base.isalpha():
        return rf"\{ACCENTS[accents[0]]}{{{base}}}"
    if unicodedata.category(char)[0] in "CZ":  # marks of direction and the like: never themselves
        return rf"\texttt{{U+{ord(char):04X}}}"
    return rf"\compareunicode{{{ord(char):04X}}}{{{ord(char)}}}"
