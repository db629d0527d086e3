"""Figures and names as Markdown: tables that no content can break."""

import re
from collections.abc import Sequence

from results.statistics import Contrast, Estimate

DASH = "\N{EN DASH}"
"""Where a table has no figure."""

_SIGNS = re.compile(r"([\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;))")
"""What Markdown would not show as it was typed; `_` inside a word is safe."""


def escape(text: str) -> str:
    """What a user typed, to be shown as typed in one line or cell of Markdown."""
    flat = _SIGNS.sub(r"\\\1", " ".join(text.split()))
    return re.sub(r"<(?=[^\s\d])", "&lt;", flat)


def code(text: str) -> str:
    """Text as code, whatever backticks it holds."""
    flat = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; the first column stands left, others right."""
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "|".join([":--"] + ["--:"] * (len(header) - 1)) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many decimals, or a dash."""
    return DASH if value is None else f"{value:.{digits}f}"


def limits(found: Estimate | Contrast, form: str = ".3f") -> str:
    """The limits of an interval, or that there is none."""
    if found.low is None or found.high is None:
        return "no interval"
    return f"{found.low:{form}} to {found.high:{form}}"


def with_interval(estimate: Estimate | None) -> str:
    """A figure and the limits of its interval, smaller."""
    if estimate is None:
        return DASH
    if estimate.low is None:
        return number(estimate.value)
    return f"{number(estimate.value)} <sub>{limits(estimate)}</sub>"


def signed(contrast: Contrast) -> str:
    """A difference with its sign and the limits of its interval; bold where they exclude 0."""
    text = f"{contrast.difference:+.3f} <sub>{limits(contrast, '+.3f')}</sub>"
    return f"**{text}**" if contrast.sign else text


def probability(p: float) -> str:
    """A p value in three decimals."""
    return f"{p:.3f}" if p >= 0.001 else "&lt; 0.001"


def quantity(value: float) -> str:
    """A large number in three digits: 1.23 M, 24 T."""
    for size, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def listed(parts: Sequence[str]) -> str:
    """Words in a row: a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]
