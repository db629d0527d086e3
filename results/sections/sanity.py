"""Sanity: what could make figures mean something else than they seem to, alarms first."""

from results.alarms import checks
from results.comparison import Stratum
from results.page import Block, Bullets, Prose, Section, strong


def section(stratum: Stratum) -> Section | None:
    """What was found, and in a line what was looked for in vain."""
    looked = checks(stratum)
    lines = [f"{strong(check.sought)}: {text}" for check in looked for text in check.alarms]
    lines += [f"{check.sought}: {text}" for check in looked for text in check.notes]
    absent = [check.sought for check in looked if check.possible and not check.found]
    unknown = [check.sought for check in looked if not check.possible and not check.found]
    blocks: list[Block] = [Bullets(lines)] if lines else []
    told = [f"Looked for and not found: {'; '.join(absent)}."] if absent else []
    told += [f"Not looked for, as no record could tell: {'; '.join(unknown)}."] if unknown else []
    if told:
        blocks.append(Prose(" ".join(told)))
    return Section("Sanity", blocks)
