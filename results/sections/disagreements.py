"""Where the two best models disagree: counts for every primary figure, and some examples."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from results.comparison import Stratum
from results.disagreement import Disagreement, disagreement
from results.figures import listed
from results.findings import findings
from results.page import EMPTY, Block, Cell, Fold, Prose, Section, Table, figure, words
from results.record import FINISHED
from results.titles import figure_title

HANDFUL = 4
"""Examples either way that are shown of a figure."""

MOST = 12
"""Figures whose examples are shown."""

HEADER = (
    "figure",
    "first",
    "second",
    "examples",
    "only first",
    "only second",
    "both right",
    "both wrong",
    "the rest",
)

HOW_TO_READ = (
    "The two best models of every primary figure, example by example. Only first: right in every "
    "seed of the first model and wrong in every seed of the second; of figures that are more than "
    "right or wrong, better in every seed of the first than in any of the second. The rest: seeds "
    "differ, or a tie. The examples below are chosen since the two disagree on them most: they are "
    "no sample, and this table says how many there are."
)


def section(stratum: Stratum) -> Section | None:
    """How often they agree, and for every figure whose test texts were kept a handful of these."""
    found = [each for finding in findings(stratum) if (each := disagreement(stratum, finding))]
    kept = {each: known for each in found if (known := _exhibit(stratum, each))}
    if not kept:
        return None
    told = HOW_TO_READ
    if any(len(each.finding.ranking) < 2 for each in found):
        told += " Where the verdict ranks fewer than two, they are the best of all models."
    blocks: list[Block] = [
        Table(HEADER, [_counts(stratum, each) for each in found]),
        Prose(told),
    ]
    shown = list(kept.items())[:MOST]
    blocks += [_fold(stratum, each, known) for each, known in shown]
    left = [figure_title(stratum, each.finding.figure) for each in list(kept)[MOST:]]
    if left:
        blocks.append(Prose(f"Not shown, for length: examples of {listed(left)}."))
    return Section("Where the two best disagree", blocks)


def _exhibit(stratum: Stratum, found: Disagreement) -> Mapping[str, Any] | None:
    """The texts of the figure's examples, where a record of the simple methods kept them."""
    measure, metric = found.finding.figure
    for run in dict.fromkeys(r for row in stratum.baselines for m in row.models for r in m.runs):
        for raw, exhibits in run.exhibits.items():
            if measure not in (run.name_of(raw), run.name_of(raw + FINISHED)):
                continue
            for exhibit in exhibits:
                if metric in exhibit["metrics"] and exhibit["of"] == found.rows:
                    return exhibit
    return None


def _counts(stratum: Stratum, found: Disagreement) -> list[Cell]:
    first, second = found.ahead
    counts = [int(each.sum()) for each in (first, second, *(found.alike if found.answered else ()))]
    cells = [figure(count, ",d") for count in counts]
    return [
        words(figure_title(stratum, found.finding.figure)),
        words(found.first.label),
        words(found.second.label),
        figure(len(found.places), ",d"),
        *(cells if found.answered else [*cells, EMPTY, EMPTY]),
        figure(len(found.places) - sum(counts), ",d"),
    ]


def _fold(stratum: Stratum, found: Disagreement, known: Mapping[str, Any]) -> Fold:
    texts = dict(zip(known["places"], known["texts"], strict=True))
    title = figure_title(stratum, found.finding.figure)
    blocks: list[Prose | Table] = []
    header = [*known["header"], found.first.label, found.second.label]
    names = [(found.first.label, found.second.label), (found.second.label, found.first.label)]
    chosen = found.most(known["places"], HANDFUL)
    for (one, other), places, ahead in zip(names, chosen, found.ahead, strict=True):
        what = f"{one} better than {other}"
        rows = [
            [*map(words, texts[int(found.places[place])]), *_shares(found, place)]
            for place in places
        ]
        if rows:
            every = f"{int(ahead.sum()):,} of {len(found.places):,} in every seed"
            blocks.append(Table(header, rows, f"{what} ({every})"))
        else:
            blocks.append(Prose(f"{what}: nowhere."))
    told = []
    if known["choices"]:
        told.append(f"To choose among: {', '.join(known['choices'])}.")
    if len(texts) < known["of"]:
        told.append(f"Chosen from {len(texts):,} of the {known['of']:,} examples.")
    if told:
        blocks.append(Prose(" ".join(told)))
    return Fold(title, blocks)


def _shares(found: Disagreement, place: int) -> list[Cell]:
    """Of either model the share of seeds that are right; of other figures the mean over seeds."""
    if found.answered:
        return [
            Cell(text=f"{np.sum(scores[:, place]):g} of {len(scores)}") for scores in found.scores
        ]
    sign = -1 if found.lower else 1
    return [figure(sign * float(scores[:, place].mean())) for scores in found.scores]
