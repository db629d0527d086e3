"""Figures as text, for any writer."""

from collections.abc import Sequence

from results.statistics import Contrast, Estimate


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many decimals, or an empty text."""
    return "" if value is None else f"{value:.{digits}f}"


def limits(found: Estimate | Contrast, form: str = ".3f") -> str:
    """The limits of an interval, or that there is none."""
    if found.low is None or found.high is None:
        return "no interval"
    return f"{found.low:{form}} to {found.high:{form}}"


def probability(p: float) -> str:
    """A p value in three decimals."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def quantity(value: float) -> str:
    """A large number in three digits: 1.23 M, 24 T."""
    value = float(f"{value:.3g}")  # 999,600 is 1 M
    for size, letter in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def listed(parts: Sequence[str]) -> str:
    """Words in a row: a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]
