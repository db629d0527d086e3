"""Tables of losses: every model under every objective's loss on the same text."""

from collections.abc import Sequence

from results.comparison import Stratum
from results.learning import family_of, loss_columns, native_losses, solved_at_start
from results.markdown import DASH, escape, number, table, with_interval
from results.rows import Row
from results.statistics import Estimate
from results.titles import loss_title

WIDE = 6
"""Losses that one table shows side by side."""

UNTRAINED_HEAD = "no head"
TERM = "term "
"""Begins the metric of a part of a loss."""


def loss_tables(stratum: Stratum) -> list[dict[str, str]]:
    """LM, DAE and CL losses of every model, as it stands and with an adapted head.

    Up to WIDE columns make one table; more are shown by family, without intervals, after a table
    of every model under its own losses.
    """
    columns = loss_columns(stratum)
    if not columns:
        return []
    if len(columns) <= WIDE:
        return [{"title": "", "table": _matrix(stratum, columns)}]
    found = [{"title": "Every model under the losses it was trained on", "table": _own(stratum)}]
    families: dict[str, list[str]] = {}
    for measure in columns:
        families.setdefault(family_of(stratum, measure), []).append(measure)
    for family, members in families.items():
        for start in range(0, len(members), WIDE):
            more = f", {start // WIDE + 1}" if len(members) > WIDE else ""
            part = _matrix(stratum, members[start : start + WIDE], intervals=False)
            found.append(
                {"title": f"Every model under {escape(family)} losses{more}", "table": part}
            )
    return found


def bits_per_byte(stratum: Stratum) -> str:
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
                        number(byte.value) + (f" ({escape(note)})" if note else ""),
                        number(end.value if end else None),
                        escape(measure.removeprefix("loss ")),
                    ]
                )
    header = ["model", "bits per byte of text", "nats of an end token", "under"]
    return table(header, rows) if rows else ""


def term_table(stratum: Stratum) -> str:
    """The parts of losses that are weighted sums, one by one; empty where there are none."""
    figures = [figure for figure in stratum.measures("loss ") if figure[1].startswith(TERM)]
    rows = []
    for row in stratum.rows:
        cells = [with_interval(stratum.estimate(row, *figure)) for figure in figures]
        if any(cell != DASH for cell in cells):
            rows.append([_first_cell(row), *cells])
    header = ["model", *(escape(metric.removeprefix(TERM)) for _, metric in figures)]
    return table(header, rows) if rows else ""


def _own(stratum: Stratum) -> str:
    """A line for every loss that a model was trained on, beside its start and simple floors."""
    header = ["model", "loss", "value", escape(stratum.start), "gained", "unigram", "uniform"]
    rows = []
    for row in stratum.models:
        start = stratum.start_of(row)
        for measure in native_losses(stratum, row):
            estimate = stratum.estimate(row, measure, "nats")
            begin = stratum.estimate(start, measure, "nats") if start else None
            gained = begin.value - estimate.value if begin and estimate else None
            floors = [
                stratum.estimate(anchor, measure, "nats")
                if (anchor := stratum.anchor(name))
                else None
                for name in ("unigram", "uniform")
            ]
            rows.append(
                [
                    escape(row.label),
                    _title(stratum, measure),
                    with_interval(estimate),
                    number(begin.value if begin else None),
                    number(gained),
                    *(number(floor.value if floor else None) for floor in floors),
                ]
            )
    return table(header, rows)


def _matrix(stratum: Stratum, columns: Sequence[str], *, intervals: bool = True) -> str:
    adapted = {
        measure
        for measure in columns
        if any(stratum.estimate(row, measure, "adapted") for row in stratum.models)
    }
    header = ["model"]
    for measure in columns:
        header += [_title(stratum, measure), *(["adapted"] if measure in adapted else [])]
    rows = []
    for row in stratum.rows:
        cells = [_first_cell(row)]
        for measure in columns:
            cells.append(_loss_cell(stratum, row, measure, intervals))
            if measure in adapted:
                cells.append(_figure(stratum.estimate(row, measure, "adapted"), intervals))
        if any(cell not in (DASH, UNTRAINED_HEAD) for cell in cells[1:]):
            rows.append(cells)
        own = [stratum.estimate(row, measure, "own_mask") for measure in columns]
        if any(own):
            cells = [f"{_first_cell(row)}, own mask"]
            for measure, estimate in zip(columns, own, strict=True):
                cells += [with_interval(estimate)] + [DASH] * (measure in adapted)
            rows.append(cells)
    return table(header, rows)


def _title(stratum: Stratum, measure: str) -> str:
    return escape(loss_title(stratum, measure)) + (
        " ⚠" if solved_at_start(stratum, measure) else ""
    )


def _figure(estimate: Estimate | None, interval: bool) -> str:
    if interval:
        return with_interval(estimate)
    return number(estimate.value) if estimate else DASH


def _loss_cell(stratum: Stratum, row: Row, measure: str, interval: bool) -> str:
    estimate = stratum.estimate(row, measure, "nats")
    note = row.note((measure, "nats")) if row.kind != "anchors" else ""
    if estimate is None:
        return escape(note) or DASH
    text = _figure(estimate, interval)
    return f"**{text}**" if note == "native" else text


def _first_cell(row: Row) -> str:
    return escape(row.label) if row.kind == "run" else f"*{escape(row.label)}*"
