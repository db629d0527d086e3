"""Figures as text, and tables as Markdown that no content can break."""

import re
from collections.abc import Sequence
from typing import Any

from results.comparison import Row, Stratum
from results.statistics import Contrast, Estimate

DASH = "\N{EN DASH}"
"""Where a table has no figure."""

SOLVED_SHARE = 0.5
"""A contrastive loss this far below an even guess before any training is solved by itself."""

WIDE = 6
"""Losses that one table shows side by side."""

METRIC_NAMES = {
    "accuracy_frozen": "accuracy, frozen",
    "accuracy_finetuned": "accuracy, fine-tuned",
    "accuracy": "accuracy, pairs",
    "accuracy_macro": "accuracy, mean over verbs",
    "mrr": "MRR",
    "recall_at_1": "recall@1",
    "recall_at_10": "recall@10",
    "spearman": "Spearman",
    **{
        f"{direction}_recall_at_{k}": f"{direction.replace('_', ' ')}, recall@{k.replace('_', ' ')}"
        for direction in ("image_to_text", "text_to_image")
        for k in ("1", "5", "10", "1_in_category")
    },
    "zero_shot_category": "category by its name",
}

PART = " of "
"""Between a metric and the part of the test set that it is taken over."""


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in which every cell is one line: pipes, line ends and tags are escaped.

    The first column stands left, the others right.
    """
    lines = ["| " + " | ".join(map(escape, header)) + " |"]
    lines.append("|" + "|".join([":--"] + ["--:"] * (len(header) - 1)) + "|")
    lines += ["| " + " | ".join(map(escape, row)) + " |" for row in rows]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text that is safe in one line or cell of Markdown, whatever a user put into it."""
    flat = " ".join(text.split())
    flat = re.sub(r"<(?!/?(?:br|sub|sup)>)", "&lt;", flat)
    return flat.replace("|", r"\|")


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many decimals, or a dash."""
    return DASH if value is None else f"{value:.{digits}f}"


def with_interval(estimate: Estimate | None, digits: int = 3) -> str:
    """A figure and the limits of its interval, smaller."""
    if estimate is None:
        return DASH
    if estimate.low is None or estimate.high is None:
        return number(estimate.value, digits)
    low, high = number(estimate.low, digits), number(estimate.high, digits)
    return f"{number(estimate.value, digits)} <sub>{low} to {high}</sub>"


def signed(contrast: Contrast) -> str:
    """A difference with its sign and the limits of its interval; bold where they exclude 0."""
    text = f"{contrast.difference:+.3f} <sub>{contrast.low:+.3f} to {contrast.high:+.3f}</sub>"
    return f"**{text}**" if contrast.low > 0 or contrast.high < 0 else text


def quantity(value: float) -> str:
    """A large number in three digits: 1.23 M, 24.0 T."""
    for size, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def loss_columns(stratum: Stratum) -> list[str]:
    """The measures of the matrix: LM, DAE, then CL with the natural pairs before the views."""
    names = dict.fromkeys(measure for measure, _ in stratum.measures("loss "))
    order = ("LM", "DAE", "placebo", "CL")

    def place(measure: str) -> tuple[int, bool]:
        traits = column_traits(stratum, measure)
        return order.index(traits["family"]) if traits else len(order) - 1, bool(traits)

    return sorted(names, key=place)


def column_traits(stratum: Stratum, measure: str) -> dict[str, Any]:
    """What the column's objective states of itself; empty for the natural pairs."""
    return stratum.record.columns.get(measure.removeprefix("loss "), {})


def contrastive_start(stratum: Stratum, measure: str) -> tuple[float, float] | None:
    """A contrastive column's loss before any training, and that of an even guess."""
    if column_traits(stratum, measure).get("additive", True):
        return None
    even, untrained = stratum.anchor("uniform"), stratum.untrained
    guess = even.estimate(measure, "nats") if even else None
    start = untrained.estimate(measure, "nats") if untrained else None
    return (start.value, guess.value) if start and guess else None


def solved_at_start(stratum: Stratum, measure: str) -> bool:
    """Whether the untrained model is already near 0: such a loss says nothing and is not ranked."""
    found = contrastive_start(stratum, measure)
    return found is not None and found[0] < SOLVED_SHARE * found[1]


def loss_tables(stratum: Stratum) -> list[dict[str, str]]:
    """LM, DAE and CL losses of every model, as it stands and with an adapted head.

    Up to WIDE columns make one table; more are shown by family, without intervals, after a table
    of every model under its own losses.
    """
    columns = loss_columns(stratum)
    if len(columns) <= WIDE:
        return [{"title": "", "table": _matrix(stratum, columns)}]
    found = [{"title": "Every model under the losses it was trained on", "table": _own(stratum)}]
    families: dict[str, list[str]] = {}
    for measure in columns:
        family = column_traits(stratum, measure).get("family", "CL")
        families.setdefault(family, []).append(measure)
    for family, members in families.items():
        for start in range(0, len(members), WIDE):
            part = members[start : start + WIDE]
            more = f", {start // WIDE + 1}" if len(members) > WIDE else ""
            table = _matrix(stratum, part, intervals=False)
            found.append({"title": f"Every model under {family} losses{more}", "table": table})
    return found


def _own(stratum: Stratum) -> str:
    """A line for every loss that a model was trained on, beside its start and simple floors."""
    header = ["model", "loss", "nats", f"{stratum.start}", "gained", "unigram", "uniform"]
    rows = []
    for row in stratum.models:
        for measure in loss_columns(stratum):
            estimate = row.estimate(measure, "nats")
            if estimate is None or row.runs[0].note(measure, "nats") != "native":
                continue
            begin = stratum.untrained.estimate(measure, "nats") if stratum.untrained else None
            floors = [
                anchor.estimate(measure, "nats") if (anchor := stratum.anchor(name)) else None
                for name in ("unigram", "uniform")
            ]
            rows.append(
                [
                    row.label,
                    column_title(stratum, measure),
                    with_interval(estimate),
                    number(begin.value if begin else None),
                    number(begin.value - estimate.value if begin else None),
                    *(number(floor.value if floor else None) for floor in floors),
                ]
            )
    return markdown_table(header, rows)


def _matrix(stratum: Stratum, columns: Sequence[str], *, intervals: bool = True) -> str:
    adapted = {m for m in columns if any(r.estimate(m, "adapted") for r in stratum.models)}
    header = ["model"]
    for measure in columns:
        header.append(column_title(stratum, measure))
        if measure in adapted:
            header.append("adapted")
    rows = []
    for row in stratum.rows:
        cells = [_row_title(row)]
        for measure in columns:
            cells.append(_loss_cell(row, measure, intervals))
            if measure in adapted:
                cells.append(_figure(row.estimate(measure, "adapted"), intervals))
        if any(cell not in (DASH, "no head") for cell in cells[1:]):
            rows.append(cells)
        own = [_own_mask_cell(row, measure) for measure in columns]
        if any(own):
            cells = [f"{_row_title(row)}, own mask"]
            for measure, cell in zip(columns, own, strict=True):
                cells += [cell or DASH] + [DASH] * (measure in adapted)
            rows.append(cells)
    return markdown_table(header, rows)


def column_title(stratum: Stratum, measure: str) -> str:
    """A loss column's heading: its family, its objective, and what one item is."""
    traits = column_traits(stratum, measure)
    if not traits:
        candidates = stratum.record.config["measures"]["candidates"]
        return f"CL: natural pairs, 1 of {candidates}"
    name = measure.removeprefix("loss ")
    mark = " ⚠" if solved_at_start(stratum, measure) else ""
    return f"{traits['family']}: {name}, nats a {traits['unit']}{mark}"


def _figure(estimate: Estimate | None, interval: bool) -> str:
    if interval:
        return with_interval(estimate)
    return number(estimate.value) if estimate else DASH


def _loss_cell(row: Row, measure: str, interval: bool) -> str:
    estimate = row.estimate(measure, "nats")
    note = row.runs[0].note(measure, "nats") if row.kind != "anchors" else ""
    if estimate is None:
        return note or DASH
    text = _figure(estimate, interval)
    return f"**{text}**" if note == "native" else text


def _own_mask_cell(row: Row, measure: str) -> str:
    estimate = row.estimate(measure, "own_mask")
    return with_interval(estimate) if estimate else ""


def _row_title(row: Row) -> str:
    return row.label if row.kind == "run" else f"*{row.label}*"


def probe_columns(stratum: Stratum) -> list[tuple[str, str]]:
    """Every probe figure over a whole test set, in the order of the records."""
    return [column for column in stratum.measures("probe ") if PART not in column[1]]


def probe_table(stratum: Stratum) -> str:
    """Every model and simple method on every probe; marks say what is below its floor."""
    columns = probe_columns(stratum)
    return _scores(stratum, columns, [probe_title(*column) for column in columns])


def part_tables(stratum: Stratum) -> list[dict[str, str]]:
    """Figures over parts of a test set, such as categories: a table a figure."""
    parts: dict[tuple[str, str], list[str]] = {}
    for measure, metric in stratum.measures("probe "):
        whole, found, part = metric.partition(PART)
        if found:
            parts.setdefault((measure, whole), []).append(part)
    return [
        {
            "title": escape(probe_title(*figure)),
            "table": _scores(
                stratum, [(figure[0], f"{figure[1]}{PART}{name}") for name in names], names
            ),
        }
        for figure, names in parts.items()
    ]


def _scores(stratum: Stratum, columns: Sequence[tuple[str, str]], titles: Sequence[str]) -> str:
    header = ["model", *titles]
    rows = []
    for row in stratum.rows:
        cells = [_probe_cell(stratum, row, *column) for column in columns]
        if any(cell not in (DASH, "n/a") for cell in cells) or row.kind == "run":
            rows.append([_row_title(row), *cells])
    return markdown_table(header, rows)


def probe_title(measure: str, metric: str) -> str:
    """A probe column's heading."""
    return f"{measure.removeprefix('probe ')}: {METRIC_NAMES.get(metric, metric)}"


def best_simple(stratum: Stratum, measure: str, metric: str) -> Row | None:
    """The best simple method on a probe, chance left out."""
    scored = [
        (estimate.value, row)
        for row in stratum.anchors
        if row.anchor not in ("chance", "majority class")
        and (estimate := row.estimate(measure, metric))
    ]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def _probe_cell(stratum: Stratum, row: Row, measure: str, metric: str) -> str:
    estimate = row.estimate(measure, metric)
    if estimate is None:
        return "n/a" if row.kind != "anchors" else DASH
    marks = ""
    if row.kind == "run":
        floor = stratum.untrained.estimate(measure, metric) if stratum.untrained else None
        simple = best_simple(stratum, measure, metric)
        simple_value = simple.estimate(measure, metric) if simple else None
        marks += "†" * (floor is not None and estimate.value <= floor.value)
        marks += "‡" * (simple_value is not None and estimate.value < simple_value.value)
    return with_interval(estimate) + marks


def objective_table(stratum: Stratum) -> str:
    """What every objective states of itself, and the parameters that only it has."""
    header = ["model", "family", "attention when probed", "own pooling", "passes a row"]
    header += ["supervises", "parameters in heads"]
    rows = []
    for row in stratum.models:
        traits, training = row.runs[0].record.traits, row.runs[0].record.training
        heads = [f"{name} {quantity(count)}" for name, count in training["head_parameters"].items()]
        rows.append(
            [
                row.label,
                traits.get("family", DASH),
                traits["attention"],
                traits.get("pooling", DASH),
                f"{traits['passes']:.3g}" if "passes" in traits else DASH,
                traits.get("supervises", DASH),
                ", ".join(heads) or DASH,
            ]
        )
    return markdown_table(header, rows)


def cost_table(stratum: Stratum) -> str:
    """What each model spent; seconds are shown and never ranked."""
    header = ["model", "parameters", "in heads", "learning rate", "rows an update", "updates"]
    header += ["corpus tokens", "processed tokens", "supervised items", "passes", "FLOPs"]
    header += ["seconds"]
    rows = []
    for row in stratum.models:
        record = row.runs[0].record
        ledger, phases = record.training["ledger"], record.training["phases"]
        seconds = sum(run.record.training["ledger"]["seconds"] for run in row.runs) / len(row.runs)
        rows.append(
            [
                row.label,
                quantity(record.training["parameters"]),
                quantity(sum(record.training["head_parameters"].values())),
                ", ".join(f"{phase['learning_rate']:g}" for phase in phases),
                ", ".join(str(phase["rows_per_update"]) for phase in phases),
                f"{ledger['steps']:,}",
                quantity(ledger["tokens"]),
                quantity(ledger["processed_tokens"]),
                quantity(ledger["supervised_targets"]),
                quantity(ledger["forward_passes"]),
                quantity(ledger["flops"]),
                f"{seconds:.0f}",
            ]
        )
    return markdown_table(header, rows)
