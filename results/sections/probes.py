"""Probe scores of every model and simple method."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from results.comparison import Stratum
from results.costs import off_budget
from results.facts import JUDGED
from results.figures import listed
from results.findings import PART, floors, primary_figures, probe_figures
from results.learning import PLATEAU_SHARE, plateau
from results.notes import LIKELIHOODS, is_of_words, read_note
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
    "†": "† not told apart from the {} model, †† worse than it",
    "‡": "‡ not told apart from the best simple method, ‡‡ worse than it",
}
"""What stands behind figures, and what it says."""

NOTHING = "n/a"
"""Where a model has nothing to measure."""

LACKING = ("no token likelihood", "no image tower")
"""Notes of what an objective lacks, which need no further word."""


def section(stratum: Stratum) -> Section | None:
    """Tables, how to read them, what is known of the data, and the primary figures drawn."""
    tables = score_tables(stratum)
    left_out = [
        f"Left out: {name}, since {reason}."
        for name, reason in sorted(stratum.record.skipped_probes.items())
    ]
    if not tables:
        return Section("Probes", [Prose(" ".join(left_out))]) if left_out else None
    blocks: list[Block] = [*tables, Prose(" ".join([_how_to_read(stratum, tables), *left_out]))]
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
    cell = estimated(estimate, marks=marks(stratum, row, figure) if row.kind == "run" else "")
    return counted(cell, row, len(estimate.values))


def counted(cell: Cell, row: Row, seeds: int) -> Cell:
    """A cell that says on how many of a row's seeds it rests, where these are not all."""
    if row.kind == "baselines" or seeds == len(row.models):
        return cell
    told = f"{seeds} of {len(row.models)} seeds"
    return replace(cell, note=f"{cell.note}, {told}" if cell.note else told)


def marks(stratum: Stratum, row: Row, figure: Figure) -> str:
    """Where a model stands beside its floors, by the 95 % intervals of the differences."""
    found = floors(stratum, row, figure)
    text = ""
    if found.beside_start is not None:
        text += {1: "", 0: "†", -1: "††"}[found.beside_start]
    if found.beside_simple is not None:
        text += {1: "", 0: "‡", -1: "‡‡"}[found.beside_simple]
    return text


def _how_to_read(stratum: Stratum, tables: Sequence[Table]) -> str:
    cells = [cell for table in tables for row in table.rows for cell in row]
    marks = {mark for cell in cells for mark in cell.marks}
    told = [text.format(stratum.start) for mark, text in MARKS.items() if mark in marks]
    figures = list(stratum.measures("probe "))
    sentences = [
        f"{_better(stratum, figures)}; smaller figures are 95 % intervals "
        f"({over(stratum, figures)}).",
        *([f"{'; '.join(told)} (by the 95 % interval of each difference)."] if told else []),
        *_plateau(stratum),
        *_finish(stratum),
        *_read_by(stratum),
        *(
            [f'"n/a": the model has nothing that the probe could measure{_lacking(stratum)}.']
            if any(cell.text == NOTHING for cell in cells)
            else []
        ),
    ]
    return " ".join(sentences)


def _read_by(stratum: Stratum) -> Iterator[str]:
    """How models are read: by their vectors, by their likelihoods, as the figures ask for it."""
    measures = stratum.record.config["measures"]
    sentences: set[str] = set()
    endings: set[str] = set()
    by_vectors = False
    for figure in probe_figures(stratum):
        if not any(stratum.estimate(row, *figure) for row in stratum.models):
            continue
        asked = {read_note(row.note(figure))[0] for row in stratum.models} & LIKELIHOODS.keys()
        of_words = any(is_of_words(row, figure[0]) for row in stratum.models)
        (endings if of_words else sentences).update(asked)
        by_vectors = by_vectors or not asked
    if by_vectors:
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
    if sentences:
        masked = sentences != {"causal"}
        more = f", by pseudo-log-likelihood for masked models ({_passes(measures)})"
        yield f"Sentences are scored by total log-probability{more if masked else ''}."
    if endings:
        more = ", for masked models with all of them masked at once"
        told = more if endings != {"causal"} else ""
        yield f"Last words are scored by the log-probability of all their tokens{told}."


def _lacking(stratum: Stratum) -> str:
    rows = [*stratum.models, *stratum.untrained]
    notes = {row.note(figure) for row in rows for figure in probe_figures(stratum)}
    found = ", ".join(note for note in LACKING if note in notes)
    return f" ({found})" if found else ""


def _better(stratum: Stratum, figures: Iterable[Figure]) -> str:
    """Which way is better, where headings do not say it."""
    signs = {stratum.metric(figure).sign for figure in figures}
    if len(signs) > 1:
        return "Higher is better where the heading does not say otherwise"
    return "Lower is better" if -1 in signs else "Higher is better"


def over(stratum: Stratum, figures: Sequence[Figure]) -> str:
    """What the intervals of the rows cover in these figures."""
    counts = {
        row: {f: len(found.values) for f in figures if (found := stratum.estimate(row, *f))}
        for row in stratum.models
    }
    every = {count for each in counts.values() for count in each.values()}
    if every <= {1}:
        return "over test examples; of one seed"
    if 1 not in every:
        return "over seeds and test examples together; of simple methods over test examples"
    single = [row.label for row, each in counts.items() if {*each.values()} == {1}]
    some = any(1 in each.values() and {*each.values()} != {1} for each in counts.values())
    alone = ["of simple methods"]
    alone += [f"of rows with a single seed ({', '.join(single)})"] if single else []
    alone += ["where a cell says that it is of 1 seed"] if some else []
    return f"over seeds and test examples together; over test examples alone {listed(alone)}"


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
    """Which models, or seeds of one, have no figure, and why; but for what an objective lacks."""
    found = []
    for row in [*stratum.untrained, *stratum.models]:
        titles: dict[str, list[str]] = {}
        for measure, metric in stratum.measures("probe "):
            missing = row.missing((measure, metric))
            whole, part, _ = metric.partition(PART)
            if part and missing == row.missing((measure, whole)):
                continue
            if len(missing) < len(row.models) or not {*missing.values()} <= {"", *LACKING}:
                for told in reasons(row, missing):
                    titles.setdefault(told, []).append(figure_title(stratum, (measure, metric)))
        found += [f"{row.label}, {'; '.join(which)}: {told}" for told, which in titles.items()]
    return found


def reasons(row: Row, missing: Mapping[int, str]) -> list[str]:
    """Why some seeds of a row, or all, have no figure: a text a reason."""
    grouped: dict[str, list[str]] = {}
    for seed, note in missing.items():
        grouped.setdefault(note or "it was not measured", []).append(str(seed))
    return [
        reason
        if len(seeds) == len(row.models)
        else f"none at {'seed' if len(seeds) == 1 else 'seeds'} {listed(seeds)} ({reason})"
        for reason, seeds in grouped.items()
    ]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1%}" if 0 <= value <= 1 else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
