"""The report of some runs: Markdown first, with CSV, JSON and figures beside it."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from results.comparison import StoredRun, Stratum, contrast, strata
from results.exhibits import exhibits
from results.facts import caveats, checks, setup
from results.plots import plot_curves, plot_probes
from results.record import RunRecord
from results.store import ResultStore, tidy
from results.tables import (
    DASH,
    contrastive_start,
    cost_table,
    escape,
    loss_columns,
    loss_tables,
    markdown_table,
    number,
    objective_table,
    part_tables,
    probe_table,
    probe_title,
    quantity,
    signed,
    solved_at_start,
)
from results.verdict import findings, primary_figures, verdict


def write_report(
    found: Sequence[tuple[RunRecord, ResultStore]], folder: Path, *, command: str
) -> Path:
    """Write report.md, results.csv, results.json and figures into a folder named by the runs.

    Args:
        found: records, with the stores that hold their rows.
        folder: the report's own folder is made below it.
        command: what to type to get the same again.

    Returns:
        The path of report.md.

    Raises:
        ValueError: there is no run among the records.
    """
    runs = [StoredRun(record, store) for record, store in found]
    groups = strata(runs)
    if not groups:
        raise ValueError("there is no run to report on")
    records = sorted({run.record.name: run.record for run in runs}.values(), key=lambda r: r.name)
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder, prefix=".writing-"))
    work.chmod(0o755)
    tidy(records).to_csv(work / "results.csv", index=False)
    content = {"records": [record.to_json() for record in records]}
    (work / "results.json").write_text(json.dumps(content, indent=1, sort_keys=True))
    sections = [_section(stratum, work, index) for index, stratum in enumerate(groups)]
    page = _template().render(
        title=_title(groups),
        strata=sections,
        level=3 if len(groups) > 1 else 2,
        command=command,
        runs=[record.name for record in records],
        built=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    (work / "report.md").write_text(page)
    target = folder / _folder_name(groups, records)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(work, target)
    return target / "report.md"


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("results"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML; `inline` and the tables escape what users gave
    )
    environment.filters["inline"] = escape
    return environment.get_template("report.md.j2")


def _title(groups: Sequence[Stratum]) -> str:
    labels = dict.fromkeys(row.label for stratum in groups for row in stratum.models)
    corpora = dict.fromkeys(stratum.record.corpus["label"] for stratum in groups)
    named = ", ".join(labels) or "no finished run"
    return escape(f"{named} on {', '.join(corpora)} (untuned)")


def _folder_name(groups: Sequence[Stratum], records: Sequence[RunRecord]) -> str:
    names = " ".join(record.name for record in records)
    objectives = dict.fromkeys(
        record.objective for record in records if record.kind == "run" and record.objective
    )
    label = "-".join(objectives)[:60]
    return f"{label}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def _section(stratum: Stratum, folder: Path, index: int) -> dict[str, Any]:
    """What the template shows of a stratum; its figures are drawn into `folder`."""
    record = stratum.record
    section: dict[str, Any] = {
        "summary": escape(_summary(stratum)),
        "verdict": verdict(stratum),
        "failed": stratum.failed,
        "has_models": bool(stratum.models),
    }
    if not stratum.models:
        return section
    ending = f"-{index + 1}" if index else ""
    figures = primary_figures(stratum)
    plot_curves(stratum, folder / f"curves{ending}.svg")
    if figures:
        plot_probes(stratum, figures, folder / f"probes{ending}.svg")
    measures = record.config["measures"]
    seeds = max(len(row.runs) for row in stratum.models)
    return section | {
        "losses": loss_tables(stratum),
        "objectives": objective_table(stratum),
        "over": "over seeds" if seeds > 1 else "over held-out rows",
        "attention": _attention(record),
        "start": stratum.start,
        "adaptation": f"{measures['adaptation_steps']} updates",
        "loss_notes": _loss_notes(stratum),
        "bytes": _bits_per_byte(stratum),
        "probes": probe_table(stratum),
        "parts": part_tables(stratum),
        "exhibits": exhibits(stratum, folder),
        "pooling": measures["pooling"],
        "own_attention": ", ".join(
            f"{row.label} {row.runs[0].record.traits['attention']}"
            for row in [*stratum.models, *([stratum.untrained] if stratum.untrained else [])]
        ),
        "skipped": sorted(record.corpus["skipped_probes"].items()),
        "probe_figure": f"probes{ending}.svg",
        "gains": _gain_table(stratum),
        "contrasts": _contrast_table(stratum),
        "cost": cost_table(stratum),
        "budget": _budget(record),
        "curve_figure": f"curves{ending}.svg",
        "setup": setup(stratum),
        "checks": checks(stratum),
        "caveats": caveats(stratum),
    }


def _summary(stratum: Stratum) -> str:
    record = stratum.record
    return f"{record.corpus['label']}, {stratum.key['model']}, {_budget(record)}"


def _budget(record: RunRecord) -> str:
    budget = record.config["budget"]
    names = {"flops": "FLOPs", "tokens": "corpus tokens"}
    return f"{quantity(budget['amount'])} {names.get(budget['unit'], budget['unit'])}"


def _attention(record: RunRecord) -> str:
    fixed = [f"{name} {traits['attention']}" for name, traits in record.columns.items()]
    return ", ".join([*fixed, "natural pairs each model's own"])


def _loss_notes(stratum: Stratum) -> list[str]:
    return [
        f"⚠ {measure.removeprefix('loss ')}: solved at initialisation ({number(start[0])} nats "
        f"{stratum.start}, where an even guess has {number(start[1])}), so a low figure says "
        "nothing and is not ranked."
        for measure in loss_columns(stratum)
        if solved_at_start(stratum, measure) and (start := contrastive_start(stratum, measure))
    ]


def _bits_per_byte(stratum: Stratum) -> str:
    """CLM's figure that no tokenizer changes, and the end token's nats apart."""
    rows: list[list[str]] = []
    for measure in loss_columns(stratum):
        for row in stratum.rows:
            byte, end = row.estimate(measure, "bits_per_byte"), row.estimate(measure, "end_nats")
            if byte:
                name = row.label if row.kind == "run" else f"*{row.label}*"
                cells = [name, number(byte.value), number(end.value if end else None)]
                rows.append([*cells, measure.removeprefix("loss ")])
    if not rows:
        return ""
    header = ["model", "bits per byte of text", "nats of an end token", "under"]
    return markdown_table(header, rows)


def _gain_table(stratum: Stratum) -> str:
    """What training gave: every model minus the untrained one, in every primary figure."""
    figures, untrained = primary_figures(stratum), stratum.untrained
    if untrained is None or not figures:
        return ""
    rows = []
    for row in stratum.models:
        cells = []
        for measure, metric in figures:
            gain = contrast(row, untrained, measure, metric)
            cells.append(signed(gain) if gain else DASH)
        rows.append([row.label, *cells])
    return markdown_table(["model", *(probe_title(*figure) for figure in figures)], rows)


def _contrast_table(stratum: Stratum) -> str:
    rows = []
    for finding in findings(stratum):
        for (first, second), (found, p) in finding.contrasts.items():
            rows.append(
                [
                    finding.title,
                    f"{first} minus {second}",
                    number(found.difference),
                    f"{number(found.low)} to {number(found.high)}",
                    f"{p:.3f}" if p >= 0.001 else "< 0.001",
                    "yes" if p < 0.05 else "not resolved",
                    found.over
                    + (f", r = {found.correlation:.2f}" if found.correlation is not None else ""),
                ]
            )
    header = ["figure", "contrast", "difference", "95 % interval", "p (Holm)", "resolved", "over"]
    return markdown_table(header, rows) if rows else "There is nothing to contrast."
