"""Probe scores of every model and simple method."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from results.comparison import Stratum
from results.costs import off_budget
from results.facts import JUDGED
from results.findings import PART, best_simple, floors, primary_figures, probe_figures
from results.learning import PLATEAU_SHARE, plateau
from results.notes import LIKELIHOODS, read_note
from results.page import (
    EMPTY,
    Block,
    Bullets,
    Cell,
    Drawing,
    Prose,
    Section,
    Table,
    estimated,
    words,
)
from results.record import FINISHED, RunRecord
from results.rows import Figure, Row
from results.titles import figure_title, metric_title
from results.writers.plots import plot_probes

WIDE = 6
"""Figures that one table shows side by side."""

ON_PLATEAU, OFF_BUDGET = " (plateau)", " (other budget)"
"""Behind the name of a model that is not ranked."""

MARKS = {
    "†": "† not told apart from the {} model, †† below it",
    "‡": "‡ not told apart from the best simple method, ‡‡ below it",
}
"""What stands behind figures, and what it says."""

NOTHING = "n/a"
"""Where a model has nothing to measure."""

LACKING = ("no token likelihood", "no image tower")
"""Notes of what an objective lacks, which need no further word."""


def section(stratum: Stratum) -> Section | None:
    """Tables, how to read them, what is known of the data, and the primary figures drawn."""
    tables = score_tables(stratum)
    if not tables:
        return None
    blocks: list[Block] = [*tables, Prose(_how_to_read(stratum, tables))]
    known = [*_known(stratum.record), *_unmeasured(stratum)]
    if known:
        blocks.append(Bullets(known))
    figures = primary_figures(stratum)
    if figures:
        draw = partial(plot_probes, stratum, figures)
        blocks.append(Drawing("probes", "Probe scores with 95 % intervals", draw))
    return Section("Probes", [*blocks, *part_tables(stratum)])


def score_tables(stratum: Stratum) -> list[Table]:
    """Every model and simple method on every probe; many figures make a table a probe."""
    figures = probe_figures(stratum)
    if not figures:
        return []
    if len(figures) <= WIDE:
        return [_scores(stratum, figures, [figure_title(stratum, figure) for figure in figures])]
    by_probe: dict[str, list[Figure]] = {}
    for figure in figures:
        by_probe.setdefault(figure[0], []).append(figure)
    found = []
    for measure, members in by_probe.items():
        for start in range(0, len(members), WIDE):
            part = members[start : start + WIDE]
            titles = [metric_title(stratum, figure) for figure in part]
            found.append(_scores(stratum, part, titles, measure.removeprefix("probe ")))
    return found


def part_tables(stratum: Stratum) -> list[Table]:
    """Figures over parts of a test set, such as categories: a table a figure."""
    parts: dict[Figure, list[str]] = {}
    for measure, metric in stratum.measures("probe "):
        whole, found, part = metric.partition(PART)
        if found:
            parts.setdefault((measure, whole), []).append(part)
    return [
        _scores(
            stratum,
            [(figure[0], f"{figure[1]}{PART}{name}") for name in names],
            names,
            f"By part of the test set: {figure_title(stratum, figure)}",
        )
        for figure, names in parts.items()
    ]


def _scores(
    stratum: Stratum, columns: Sequence[Figure], titles: Sequence[str], title: str = ""
) -> Table:
    rows = []
    for row in stratum.rows:
        cells = [_cell(stratum, row, figure) for figure in columns]
        if any(cell.value is not None for cell in cells) or row.kind == "run":
            name = row.label + (ON_PLATEAU if plateau(stratum, row) else "")
            name += OFF_BUDGET if row.kind == "run" and off_budget(row) is not None else ""
            rows.append([words(name, weak=row.kind != "run"), *cells])
    about = [figure_title(stratum, figure) for figure in columns]
    return Table(["model", *titles], rows, title, about=about)


def _cell(stratum: Stratum, row: Row, figure: Figure) -> Cell:
    estimate = stratum.estimate(row, *figure)
    if estimate is None:
        return words(NOTHING) if row.kind != "baselines" else EMPTY
    return estimated(estimate, marks=marks(stratum, row, figure) if row.kind == "run" else "")


def marks(stratum: Stratum, row: Row, figure: Figure) -> str:
    """Where a model stands beside its floors, by the 95 % intervals of the differences."""
    found = floors(stratum, row, figure)
    text = ""
    if found.start is not None:
        text += {1: "", 0: "†", -1: "††"}[found.start.sign]
    if best_simple(stratum, figure) is not None and found.simple is not None:
        text += {1: "", 0: "‡", -1: "‡‡"}[found.simple.sign]
    return text


def _how_to_read(stratum: Stratum, tables: Sequence[Table]) -> str:
    cells = [cell for table in tables for row in table.rows for cell in row]
    marks = {mark for cell in cells for mark in cell.marks}
    told = [text.format(stratum.start) for mark, text in MARKS.items() if mark in marks]
    sentences = [
        f"Higher is better; smaller figures are 95 % intervals ({over(stratum)}).",
        *([f"{'; '.join(told)} (by the 95 % interval of the difference)."] if told else []),
        *_plateau(stratum),
        *_finish(stratum),
        *_read_by(stratum),
        *(
            [f'"n/a": the model has nothing that the probe could measure{_lacking(stratum)}.']
            if any(cell.text == NOTHING for cell in cells)
            else []
        ),
        *(
            f"Left out: {name}, since {reason}."
            for name, reason in sorted(stratum.record.skipped_probes.items())
        ),
    ]
    return " ".join(sentences)


def _read_by(stratum: Stratum) -> Iterator[str]:
    """How models are read: by their vectors, by their likelihoods, as the figures ask for it."""
    measures = stratum.record.config["measures"]
    asked = [
        {read_note(row.note(figure))[0] for row in stratum.models} & LIKELIHOODS.keys()
        for figure in probe_figures(stratum)
        if any(stratum.estimate(row, *figure) for row in stratum.models)
    ]
    if not all(asked):
        attention = ", ".join(
            f"{row.label} {row.record.traits['attention']}"
            for row in [*stratum.models, *stratum.untrained]
        )
        yield (
            f"Texts become vectors under the model's own attention ({attention}); frozen figures "
            "rest on those vectors alone, of the layer and by the pooling that each model chose on "
            "examples not tested on (appendix), or where there are none of the last layer by "
            f"{measures['pooling']} pooling."
        )
    likelihoods = set().union(*asked)
    if likelihoods:
        masked = likelihoods != {"causal"}
        more = f", by pseudo-log-likelihood for masked models ({_passes(measures)})"
        yield f"Sentences are scored by total log-probability{more if masked else ''}."


def _lacking(stratum: Stratum) -> str:
    rows = [*stratum.models, *stratum.untrained]
    notes = {row.note(figure) for row in rows for figure in probe_figures(stratum)}
    found = ", ".join(note for note in LACKING if note in notes)
    return f" ({found})" if found else ""


def over(stratum: Stratum) -> str:
    """What the intervals of the rows cover."""
    counts = {len(row.models) for row in stratum.models}
    if counts == {1}:
        return "over test examples; of one seed"
    if 1 not in counts:
        return "over seeds and test examples together; of simple methods over test examples"
    single = [row.label for row in stratum.models if len(row.models) == 1]
    return (
        "over seeds and test examples together; over test examples alone of simple methods and of "
        f"rows with a single seed: {', '.join(single)}"
    )


def _plateau(stratum: Stratum) -> list[str]:
    """What it means, where a model is on it."""
    if not any(plateau(stratum, row) for row in stratum.models):
        return []
    share = f"{1 - PLATEAU_SHARE:.0%}".replace("%", " %")
    return [
        f"(plateau): under its own losses the model is not {share} better than word frequencies "
        "are, so it is not ranked and stands in no contrast."
    ]


def _finish(stratum: Stratum) -> list[str]:
    """What stands behind the figures of finished models."""
    if not any(FINISHED in measure for measure, _ in stratum.measures("probe ")):
        return []
    finish = stratum.record.config["finish"]
    lifted = ", its mask lifted" if finish["attention"] == "bidirectional" else ""
    return [
        f'"NAME{FINISHED}" is the probe NAME of every model after the same fine-tuning on the '
        f"training examples of {finish['probe']}{lifted}, the untrained one too: beside the figure "
        "before it stands what was gained, or forgotten."
    ]


def _passes(measures: dict[str, Any]) -> str:
    """How many tokens of a text a masked model lacks while it is scored."""
    passes = measures.get("passes", 0)
    share = f"1 of {passes} tokens masked at a time" if passes else "one token masked at a time"
    return f"{share}, with the rest of its word" if measures.get("within_word") else share


def _known(record: RunRecord) -> list[str]:
    """What is known of each probe's data: classes, examples, what was left out."""
    return [
        f"{name}: " + ", ".join(f"{what} {_shown(value)}" for what, value in shown.items())
        for name, known in record.probe_facts.items()
        if (shown := {what: value for what, value in known.items() if what not in JUDGED})
    ]


def _unmeasured(stratum: Stratum) -> list[str]:
    """Why a model has no figure where that is not what its objective lacks."""
    found = []
    for row in stratum.models:
        for measure, metric in stratum.measures("probe "):
            note = row.note((measure, metric))
            if stratum.estimate(row, measure, metric) is None and note not in ("", *LACKING):
                found.append(f"{row.label}, {figure_title(stratum, (measure, metric))}: {note}")
    return found


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1%}" if 0 <= value <= 1 else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
