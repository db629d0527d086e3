"""The report of some runs: Markdown first, with CSV, JSON and figures beside it."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from results import facts
from results.comparison import Stratum, strata
from results.costs import cost_table, objective_table, seconds
from results.exhibits import exhibits
from results.findings import primary_figures
from results.learning import (
    PLATEAU_SHARE,
    contrastive_start,
    loss_columns,
    plateau,
    solved_at_start,
)
from results.losses import bits_per_byte, loss_tables, term_table
from results.markdown import code, escape, number
from results.plots import plot_curves, plot_probes
from results.record import RunRecord
from results.rows import StoredRun
from results.scores import contrast_table, gain_table, part_tables, probe_tables
from results.store import ResultStore
from results.tidy import tidy
from results.verdict import verdict

Tell = Callable[[float], None]
"""Told the share of the report that is done."""


def write_report(
    found: Sequence[tuple[RunRecord, ResultStore]],
    folder: Path,
    *,
    command: str,
    unreadable: Mapping[str, str] | None = None,
    tell: Tell = lambda share: None,
) -> Path:
    """Write report.md, results.csv, results.json and figures into a folder named by the runs.

    The same records give the same page, but for its last line.

    Args:
        found: records, with the stores that hold their rows.
        folder: the report's own folder is made below it.
        command: what was typed.
        unreadable: runs that were left out already, with the reason.
        tell: called with the share that is done.

    Returns:
        The path of report.md.

    Raises:
        ValueError: there is no run among the records.
    """
    runs, left_out = _whole(found)
    left_out = {**(unreadable or {}), **left_out}
    groups = strata(runs)
    if not groups:
        raise ValueError("; ".join(["there is no run to report on", *left_out.values()]))
    records = [run.record for run in runs]
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder, prefix=".writing-"))
    work.chmod(0o755)
    tidy(records).to_csv(work / "results.csv", index=False)
    content = {"records": [record.to_json() for record in records]}
    (work / "results.json").write_text(json.dumps(content, indent=1, sort_keys=True))
    sections = []
    for index, stratum in enumerate(groups):
        sections.append(_section(stratum, work, index))
        tell((index + 1) / len(groups))
    for section, unlike in zip(sections, facts.unlike(groups), strict=True):
        section["unlike"] = escape(unlike)
    page = _template().render(
        title=_title(groups),
        strata=sections,
        level=3 if len(groups) > 1 else 2,
        command=code(command),
        runs=[record.name for record in records],
        left_out=sorted(left_out.items()),
        seconds="; ".join(filter(None, map(seconds, groups))),
        built=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    (work / "report.md").write_text(page)
    target = folder / _folder_name(records)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(work, target)
    return target / "report.md"


def _whole(
    found: Sequence[tuple[RunRecord, ResultStore]],
) -> tuple[list[StoredRun], dict[str, str]]:
    """Runs by name, each once and with all of its files; and why others are left out."""
    runs: dict[str, StoredRun] = {}
    left_out: dict[str, str] = {}
    for record, store in found:
        run = StoredRun(record, store)
        if record.name in runs:
            if runs[record.name].record.values != record.values:
                left_out[f"{record.name} in {store.folder}"] = (
                    "another folder has a run of that name with other figures, which is shown"
                )
            continue
        try:
            _ = run.table, run.curve
        except ValueError as error:
            left_out[record.name] = str(error)
            continue
        runs[record.name] = run
    return [runs[name] for name in sorted(runs)], left_out


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("results"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML; what users gave is escaped where it comes in
    )
    environment.filters["inline"] = escape
    return environment.get_template("report.md.j2")


def _title(groups: Sequence[Stratum]) -> str:
    labels = dict.fromkeys(row.label for stratum in groups for row in stratum.models)
    corpora = dict.fromkeys(stratum.record.corpus["label"] for stratum in groups)
    named = ", ".join(labels) or "no finished run"
    return escape(f"{named} on {', '.join(corpora)} (not tuned with equal effort)")


def _folder_name(records: Sequence[RunRecord]) -> str:
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
        "summary": escape(facts.summary(record)),
        "verdict": verdict(stratum),
        "failed": stratum.failed,
        "has_models": bool(stratum.models),
    }
    if not stratum.models:
        return section
    ending = f"-{index + 1}" if index else ""
    figures = primary_figures(stratum)
    if figures:
        plot_probes(stratum, figures, folder / f"probes{ending}.svg")
    plot_curves(stratum, folder / f"curves{ending}.svg")
    measures = record.config["measures"]
    return section | {
        "losses": loss_tables(stratum),
        "objectives": objective_table(stratum),
        "over": _over(stratum),
        "attention": _attention(stratum),
        "start": escape(stratum.start),
        "adaptation": f"{measures['adaptation_steps']} updates",
        "loss_notes": _loss_notes(stratum),
        "bytes": bits_per_byte(stratum),
        "terms": term_table(stratum),
        "probes": probe_tables(stratum),
        "plateau": _plateau(stratum),
        "probe_facts": [*facts.probes(record), *facts.unmeasured(stratum)],
        "parts": part_tables(stratum),
        "exhibits": exhibits(stratum, folder),
        "pooling": escape(measures["pooling"]),
        "passes": _passes(measures.get("passes", 0)),
        "own_attention": ", ".join(
            f"{escape(row.label)} {row.record.traits['attention']}"
            for row in [*stratum.models, *stratum.untrained]
        ),
        "skipped": sorted(record.corpus.get("skipped_probes", {}).items()),
        "probe_figure": f"probes{ending}.svg" if figures else "",
        "gains": gain_table(stratum),
        "contrasts": contrast_table(stratum),
        "cost": cost_table(stratum),
        "budget": facts.budget(record),
        "curve_figure": f"curves{ending}.svg",
        "setup": facts.setup(stratum),
        "checks": facts.checks(stratum),
        "caveats": facts.caveats(stratum),
    }


def _over(stratum: Stratum) -> str:
    """What the intervals of the rows cover."""
    counts = {len(row.models) for row in stratum.models}
    if counts == {1}:
        return "over test examples; of one seed"
    if 1 not in counts:
        return "over seeds and test examples together; of simple methods over test examples"
    single = [escape(row.label) for row in stratum.models if len(row.models) == 1]
    return (
        "over seeds and test examples together; over test examples alone of simple methods and of "
        f"rows with a single seed: {', '.join(single)}"
    )


def _plateau(stratum: Stratum) -> str:
    """By how much a model has to be better, where one is not."""
    unranked = any(plateau(stratum, row) for row in stratum.models)
    return f"{1 - PLATEAU_SHARE:.0%}".replace("%", " %") if unranked else ""


def _passes(passes: int) -> str:
    """How many tokens of a text a masked model lacks while it is scored."""
    return f"1 of {passes} tokens masked at a time" if passes else "one token masked at a time"


def _attention(stratum: Stratum) -> str:
    fixed = []
    for measure in loss_columns(stratum):
        traits = stratum.traits(measure)
        if traits:
            kind = traits.get("measured_attention") or traits["attention"]
            fixed.append(f"{escape(measure.removeprefix('loss '))} {escape(kind)}")
    return ", ".join([*fixed, "natural pairs each model's own"])


def _loss_notes(stratum: Stratum) -> list[str]:
    return [
        f"⚠ {escape(measure.removeprefix('loss '))}: solved at initialisation ({number(start[0])} "
        f"nats {escape(stratum.start)}, where an even guess has {number(start[1])}), so a low "
        "figure says nothing and is not ranked."
        for measure in loss_columns(stratum)
        if solved_at_start(stratum, measure) and (start := contrastive_start(stratum, measure))
    ]
