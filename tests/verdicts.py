"""A verdict as a reader of Markdown sees it."""

from dataclasses import dataclass

from results.comparison import Stratum
from results.page import Bullets, Prose
from results.sections.verdict import section
from results.writers.markdown import inline


@dataclass(frozen=True)
class Verdict:
    summary: str
    details: tuple[str, ...] = ()


def verdict(stratum: Stratum) -> Verdict:
    found = section(stratum)
    assert found is not None
    summary, *rest = found.blocks
    assert isinstance(summary, Prose)
    details: list[str] = []
    for block in rest:
        assert isinstance(block, Bullets)
        details += [inline(item).removesuffix(".") for item in block.items]
    return Verdict(inline(summary.text), tuple(details))
