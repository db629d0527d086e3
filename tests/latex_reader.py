"""LaTeX read back: what a text that was escaped shows, and an error at whatever it does not know.

Knows nothing of results/writers/latex_text.py, and fewer commands than TeX: what it reads is inert.
"""

import re
import unicodedata
from pathlib import Path

HOSTILE = [
    r"\input{/etc/passwd}",
    r"\write18{rm -rf /}",
    r"50% & more_under #1 $x^2$ ~ {a} \\ [4pt] * | <b> \"q\"",
    "% all of this is a comment",
    "^^5cinput{x}",
    "a--b---c ``quoted'' ,,low'' ?`!`",
    "two\nlines\r\nand\ttabs\u2028more",
    "a\u202eb\u200fc\u2066d\u0000e\u0007",
    "naïve Škoda Łódź ế Đ \N{GREEK SMALL LETTER ALPHA} 日本語 \U0001f600 ß",
    "† ‡ ⚠ ± \N{EN DASH} \N{MINUS SIGN}",
    r"\end{tabular}\end{document}",
    "",
]
"""What users may type, or data hold."""

SHOWN = {
    r"\textbackslash{}": "\\",
    r"\textasciicircum{}": "^",
    r"\textasciitilde{}": "~",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\char34{}": '"',
    r"\`{}": "`",
    r"\ss{}": "ß",
    r"\ae{}": "æ",
    r"\AE{}": "Æ",
    r"\oe{}": "œ",
    r"\OE{}": "Œ",
    r"\o{}": "ø",
    r"\O{}": "Ø",
    r"\l{}": "ł",
    r"\L{}": "Ł",
    r"\i{}": "\N{LATIN SMALL LETTER DOTLESS I}",
    r"\textendash{}": "\N{EN DASH}",
    r"\textemdash{}": "\N{EM DASH}",
    r"\textquoteleft{}": "\N{LEFT SINGLE QUOTATION MARK}",
    r"\textquoteright{}": "\N{RIGHT SINGLE QUOTATION MARK}",
    r"\textquotedblleft{}": "“",
    r"\textquotedblright{}": "”",
    r"\textellipsis{}": "…",
    r"$\dagger$": "†",
    r"$\ddagger$": "‡",
    r"$\times$": "\N{MULTIPLICATION SIGN}",
    r"$\pm$": "±",
    "$-$": "\N{MINUS SIGN}",
    r"$\cdot$": "·",
    r"$\leq$": "≤",
    r"$\geq$": "≥",
    r"$\neq$": "≠",
    r"$\approx$": "≈",
    r"$\rightarrow$": "→",
    r"$\leftarrow$": "←",
    r"\textbf{(!)}": "⚠",
    "{[}": "[",
    "{]}": "]",
    "{*}": "*",
    "{}": "",
    r"{\upshape\$}": "$",
    **{rf"\{sign}": sign for sign in "{}&#%_"},
}
ACCENTS = dict(
    zip(
        r"`'^~=u.r\"Hvc".replace("\\", ""),
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u030a\u0308\u030b\u030c\u0327",
        strict=True,
    )
)
PATTERNS = [
    *map(re.escape, sorted(SHOWN, key=len, reverse=True)),
    r"\\compareunicode\{(?P<number>[0-9A-F]{4,6})\}\{(?P<decimal>\d+)\}",
    r"\\texttt\{U\+(?P<control>[0-9A-F]{4,6})\}",
    r"""\\(?P<accent>[`'^~=u.r"Hvc])\{(?P<base>[A-Za-z])\}""",
    r"(?P<plain>[A-Za-z0-9 .,:;!?()/=+@'-])",
]
TOKEN = re.compile("|".join(PATTERNS))


def read(text: str) -> str:
    """What is shown; a character that stands as its number is read as itself."""
    found, place = [], 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"not inert: {text[place : place + 30]!r}")
        found.append(_shown(match))
        place = match.end()
    return unicodedata.normalize("NFC", "".join(found))


def _shown(match: re.Match[str]) -> str:
    if match["plain"]:
        return match["plain"]
    if match["number"]:
        assert int(match["number"], 16) == int(match["decimal"])
        return chr(int(match["decimal"]))
    if match["control"]:
        return chr(int(match["control"], 16))
    if match["accent"]:
        return match["base"] + ACCENTS[match["accent"]]
    return SHOWN[match[0]]


def flat(text: str) -> str:
    """What a reader is to see of a text in one line."""
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", text))


def rows(file: Path) -> list[list[str]]:
    """The cells of a file's tabulars as LaTeX, headings first, without the styles around them."""
    found = []
    for line in file.read_text(encoding="ascii").splitlines():
        if line.startswith("    ") and line.endswith(r" \\"):
            cells = re.split(r"(?<!\\) & ", line.strip().removesuffix(r" \\"))
            found.append([plain(cell) for cell in cells])
    return found


def plain(cell: str) -> str:
    """A cell without what makes it bold, italic or several lines."""
    cell = re.sub(r"\\begin\{tabular\}\[.\]\{@\{\}.@\{\}\}(.*)\\end\{tabular\}", r"\1", cell)
    cell = re.sub(r" \\\\ |\\newline ", " ", cell)
    while match := re.fullmatch(r"\\text(?:bf|it)\{(.*)\}", cell):
        cell = match[1]
    return cell
