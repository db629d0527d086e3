"""Losses: every model under every objective's loss on the same held-out text."""

from collections.abc import Sequence

from results.comparison import Stratum
from results.figures import number
from results.learning import (
    contrastive_start,
    family_of,
    loss_columns,
    native_losses,
    solved_at_start,
)
from results.page import (
    EMPTY,
    Block,
    Cell,
    Prose,
    Section,
    Table,
    code,
    estimated,
    figure,
    strong,
    words,
)
from results.rows import Row
from results.sections.probes import counted, over, reasons
from results.titles import loss_title

WIDE = 6
"""Losses that one table shows side by side."""

UNTRAINED_HEAD = "no head"
ADAPTED = "adapted"
"""What the column of a fresh head is called."""

TERM = "term "
"""Begins the metric of a part of a loss."""


def section(stratum: Stratum) -> Section | None:
    """LM, DAE and CL losses of every model, as they stand and with an adapted head."""
    tables = loss_tables(stratum)
    if not tables:
        return None
    blocks: list[Block] = [*tables, Prose(_how_to_read(stratum, tables)), *bits_per_byte(stratum)]
    return Section("Losses on the same held-out text", [*blocks, *_terms(stratum)])


def loss_tables(stratum: Stratum) -> list[Table]:
    """Up to WIDE columns make one table; more are shown by family, without intervals, after a
    table of every model under its own losses.
    """  # noqa: D205
    columns = loss_columns(stratum)
    if not columns:
        return []
    if len(columns) <= WIDE:
        return [_matrix(stratum, columns)]
    found = [_own(stratum)]
    families: dict[str, list[str]] = {}
    for measure in columns:
        families.setdefault(family_of(stratum, measure), []).append(measure)
    for family, members in families.items():
        for start in range(0, len(members), WIDE):
            more = f", {start // WIDE + 1}" if len(members) > WIDE else ""
            title = f"Every model under {family} losses{more}"
            part = members[start : start + WIDE]
            found.append(_matrix(stratum, part, title, intervals=False))
    return found


def _how_to_read(stratum: Stratum, tables: Sequence[Table]) -> str:
    """Of what stands in the tables, and of nothing else."""
    steps = stratum.record.config["measures"]["adaptation_steps"]
    cells = [cell for table in tables for row in table.rows for cell in row]
    heads = [head for table in tables for head in table.header]
    shown = [cell for cell in cells if cell.low is not None]
    sentences = ["Lower is better"]
    if shown:
        figures = [(measure, "nats") for measure in loss_columns(stratum)]
        cut = ", cut off at 0" if any(cell.low == 0 for cell in shown) else ""
        sentences[0] += f"; smaller figures are 95 % intervals ({over(stratum, figures)}{cut})"
    sentences[0] += "."
    sentences.append(f"A column fixes attention and text for all models ({_attention(stratum)}).")
    if any(cell.strong for cell in cells):
        sentences.append(
            f"{strong('Bold')}: the model was trained on this loss at these settings; other "
            "figures are foreign, and show what a model knows that it was never asked for."
        )
    if any(cell.text == UNTRAINED_HEAD for cell in cells):
        sentences.append('"No head": it never trained one.')
    if ADAPTED in heads:
        sentences.append(
            f"{code(ADAPTED)}: every model, native ones too, with a fresh head trained for {steps} "
            f"updates on the frozen backbone; compare it with the {stratum.start} model in the "
            "same column."
        )
    if len(loss_columns(stratum)) > 1:
        sentences.append(
            "Losses of different columns are different quantities and are never ranked against "
            "each other."
        )
    return " ".join([*sentences, *_notes(stratum)])


def _attention(stratum: Stratum) -> str:
    fixed = []
    for measure in loss_columns(stratum):
        traits = stratum.traits(measure)
        if traits:
            kind = traits.get("measured_attention") or traits["attention"]
            fixed.append(f"{measure.removeprefix('loss ')} {kind}")
        else:
            fixed.append("natural pairs each model's own")
    return ", ".join(fixed)


def _notes(stratum: Stratum) -> list[str]:
    """Which seeds have no loss where others have one, and which losses say nothing."""
    columns = loss_columns(stratum)
    return [
        f"{row.label}, {measure.removeprefix('loss ')}: {told}."
        for row in [*stratum.untrained, *stratum.models]
        for measure in columns
        if stratum.estimate(row, measure, "nats")
        for told in reasons(row, row.missing((measure, "nats")))
    ] + [
        f"⚠ {measure.removeprefix('loss ')}: solved at initialisation ({number(start[0])} nats "
        f"{stratum.start}, where an even guess has {number(start[1])}), so a low figure says "
        "nothing and is not ranked."
        for measure in loss_columns(stratum)
        if solved_at_start(stratum, measure) and (start := contrastive_start(stratum, measure))
    ]


def bits_per_byte(stratum: Stratum) -> list[Table]:
    """CLM's figure that no tokenizer changes, and the end token's nats apart."""
    rows = []
    for measure in loss_columns(stratum):
        for row in stratum.rows:
            byte = stratum.estimate(row, measure, "bits_per_byte")
            end = stratum.estimate(row, measure, "end_nats")
            if byte:
                note = row.note((measure, "bits_per_byte"))
                rows.append(
                    [
                        _first_cell(row),
                        Cell(value=byte.value, note=note),
                        figure(end.value if end else None),
                        words(measure.removeprefix("loss ")),
                    ]
                )
    header = ["model", "bits per byte of text", "nats of an end token", "under"]
    return [Table(header, rows)] if rows else []


def _terms(stratum: Stratum) -> list[Block]:
    """The parts of losses that are weighted sums, one by one; empty where there are none."""
    figures = [place for place in stratum.measures("loss ") if place[1].startswith(TERM)]
    rows = []
    for row in stratum.rows:
        cells = [estimated(stratum.estimate(row, *place)) for place in figures]
        if not all(cell.empty for cell in cells):
            rows.append([_first_cell(row), *cells])
    if not rows:
        return []
    header = ["model", *(metric.removeprefix(TERM) for _, metric in figures)]
    return [
        Prose("The parts of losses that are sums, each before its weight:"),
        Table(header, rows),
    ]


def _own(stratum: Stratum) -> Table:
    """A line for every loss that a model was trained on, beside its start and simple floors."""
    header = ["model", "loss", "value", stratum.start, "gained", "unigram", "uniform"]
    rows = []
    for row in stratum.models:
        start = stratum.start_of(row)
        for measure in native_losses(stratum, row):
            estimate = stratum.estimate(row, measure, "nats")
            begin = stratum.estimate(start, measure, "nats") if start else None
            gained = begin.value - estimate.value if begin and estimate else None
            floors = [
                stratum.estimate(baseline, measure, "nats")
                if (baseline := stratum.baseline(name))
                else None
                for name in ("unigram", "uniform")
            ]
            rows.append(
                [
                    words(row.label),
                    words(_title(stratum, measure)),
                    estimated(estimate),
                    figure(begin.value if begin else None),
                    figure(gained),
                    *(figure(floor.value if floor else None) for floor in floors),
                ]
            )
    return Table(header, rows, "Every model under the losses it was trained on")


def _matrix(
    stratum: Stratum, columns: Sequence[str], title: str = "", *, intervals: bool = True
) -> Table:
    adapted = {
        measure
        for measure in columns
        if any(stratum.estimate(row, measure, "adapted") for row in stratum.models)
    }
    header, shaded = ["model"], list[int]()
    for measure in columns:
        titles = [_title(stratum, measure), *([ADAPTED] if measure in adapted else [])]
        if not solved_at_start(stratum, measure):  # there a low figure says nothing
            shaded += range(len(header), len(header) + len(titles))
        header += titles
    rows = []
    for row in stratum.rows:
        cells = []
        for measure in columns:
            cells.append(_loss_cell(stratum, row, measure, intervals))
            if measure in adapted:
                found = stratum.estimate(row, measure, "adapted")
                cells.append(estimated(found, interval=intervals))
        if any(not cell.empty and cell.text != UNTRAINED_HEAD for cell in cells):
            rows.append([_first_cell(row), *cells])
        own = [stratum.estimate(row, measure, "own_mask") for measure in columns]
        if any(own):
            cells = []
            for measure, estimate in zip(columns, own, strict=True):
                cells += [estimated(estimate)] + [EMPTY] * (measure in adapted)
            rows.append([_first_cell(row, ", own mask"), *cells])
    return Table(header, rows, title, shaded)


def _title(stratum: Stratum, measure: str) -> str:
    return loss_title(stratum, measure) + (" ⚠" if solved_at_start(stratum, measure) else "")


def _loss_cell(stratum: Stratum, row: Row, measure: str, interval: bool) -> Cell:
    estimate = stratum.estimate(row, measure, "nats")
    note = row.note((measure, "nats")) if row.kind != "baselines" else ""
    if estimate is None:
        return words(note)
    low, high = (estimate.low, estimate.high) if interval else (None, None)
    cell = Cell(value=estimate.value, low=low, high=high, strong=note == "native")
    return counted(cell, row, len(estimate.values))


def _first_cell(row: Row, more: str = "") -> Cell:
    return words(row.label + more, weak=row.kind != "run")
