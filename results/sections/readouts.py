"""Appendix: what each model's vectors could be read from, and how each of these did."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from results.comparison import Stratum
from results.findings import probe_figures
from results.page import EMPTY, Block, Cell, Prose, Section, Table, words
from results.page import figure as figure_cell
from results.record import Value
from results.rows import Figure, Row
from results.titles import figure_title


def section(stratum: Stratum) -> Section | None:
    """A table a choice; figures that rest on the same one share it."""
    tables: list[Table] = []
    told: dict[str, list[Mapping[Row, Sequence[Mapping[str, float]]]]] = {}
    for place in probe_figures(stratum):
        found = {row: v for row in _models(stratum) if (v := _values(row, place))}
        options = {row: [value.options for value in values] for row, values in found.items()}
        if found and options not in told.setdefault(place[0], []):
            told[place[0]].append(options)
            tables.append(_table(figure_title(stratum, place), found))
    if not tables:
        return None
    blocks: list[Block] = [
        Prose(
            "Which layer, which pooling, and centred or not: frozen probes let every model choose "
            "among the same by the score on examples that are not those of the test. Shown is that "
            "score, the mean over seeds, and behind it how many seeds chose so; of words there is "
            "no pooling, and a linear layer sees no centring."
        ),
        *tables,
    ]
    return Section("Appendix: what vectors were read from", blocks)


def _models(stratum: Stratum) -> list[Row]:
    return [*stratum.untrained, *stratum.models]


def _values(row: Row, place: Figure) -> list[Value]:
    """Of its seeds, where something was chosen."""
    values = [model.value(place) for model in row.models]
    return [value for value in values if value is not None and value.options]


def _table(title: str, found: Mapping[Row, Sequence[Value]]) -> Table:
    options = dict.fromkeys(
        option for values in found.values() for value in values for option in value.options
    )
    return Table(
        ["read from", *(row.label for row in found)],
        [[words(option), *map(partial(_cell, option), found.values())] for option in options],
        title,
    )


def _cell(option: str, values: Sequence[Value]) -> Cell:
    scores = [value.options[option] for value in values if option in value.options]
    if not scores:
        return EMPTY
    chosen = sum(_is_chosen(value, option) for value in values)
    cell = figure_cell(float(np.mean(scores)))
    return replace(cell, note=f"{chosen} of {len(values)}", strong=True) if chosen else cell


def _is_chosen(value: Value, option: str) -> bool:
    """The first of the best, as the measure takes it."""
    return option == max(value.options, key=value.options.__getitem__)
