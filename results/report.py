"""The report of some runs: Markdown and HTML, with CSV, JSON and figures beside them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from results.comparison import Stratum, strata
from results.costs import seconds
from results.formats import DEFAULT, Content, write_formats
from results.page import Block, Bullets, Page, Part, Prose, Section, code
from results.record import RunRecord
from results.rows import StoredRun
from results.sections import (
    caveats,
    cost,
    disagreements,
    failed,
    fairness,
    gains,
    geometry,
    losses,
    objectives,
    pictures,
    probes,
    readouts,
    sanity,
    setup,
    verdict,
)
from results.store import ResultStore
from results.text import file_name
from results.unlike import unlike

ORDER = (
    verdict,
    failed,
    sanity,
    probes,
    pictures,
    gains,
    disagreements,
    losses,
    geometry,
    objectives,
    cost,
    setup,
    fairness,
    caveats,
    readouts,
)
"""The sections of a report; each is a module with `section`."""

WITHOUT_MODELS = (verdict, failed)
"""Those that have something to say where no run finished."""

Tell = Callable[[float], None]
"""Told the share of the report that is done."""


def write_report(
    found: Sequence[tuple[RunRecord, ResultStore]],
    folder: Path,
    *,
    command: str,
    unreadable: Mapping[str, str] | None = None,
    tell: Tell = lambda share: None,
    formats: Sequence[str] | None = None,
) -> Path:
    """Write a report, its tables and its figures into a folder named by the runs.

    These are report.md, report.html, results.csv, results.json and the pages' drawings. The same
    records give the same pages, but for their last line.

    Args:
        found: records, with the stores that hold their rows.
        folder: the report's own folder is made below it.
        command: what was typed.
        unreadable: runs that were left out already, with the reason.
        tell: called with the share that is done.
        formats: names of those to write (results/formats.py), beside what stands in the folder;
            None for those that every report has.

    Returns:
        The path of report.md, or of the folder where Markdown is not among the formats.

    Raises:
        ValueError: there is no run among the records.
    """
    runs, left_out = whole(found)
    left_out = {**(unreadable or {}), **left_out}
    groups = strata(runs)
    if not groups:
        raise ValueError("; ".join(["there is no run to report on", *left_out.values()]))
    records = [run.record for run in runs]
    parts = []
    for number, (stratum, difference) in enumerate(zip(groups, unlike(groups), strict=True)):
        parts.append(_part(stratum, difference, alone=len(groups) == 1))
        tell((number + 1) / len(groups))
    took = "; ".join(filter(None, map(seconds, groups)))
    when = datetime.now(UTC).isoformat(timespec="seconds")
    page = Page(
        title=_title(groups),
        parts=parts,
        sources=_sources(records, left_out),
        built=f"Built {when} by {code(command)}{f'; training took {took}' if took else ''} (this "
        "line alone changes when the same runs are shown again; where they are made again, also "
        "the seconds of the curves in report.html).",
    )
    target = folder / _folder_name(records)
    chosen = DEFAULT if formats is None else formats
    write_formats(chosen, Content(page, records), target)
    return target / "report.md" if "markdown" in chosen else target


def _part(stratum: Stratum, difference: str, *, alone: bool) -> Part:
    modules = ORDER if stratum.models else WITHOUT_MODELS
    found = [each for module in modules if (each := _section(module, stratum))]
    if not alone:
        text = (
            "These runs differ from the others in model, budget, tokenizer, data, measures or code"
            f"{f' ({difference})' if difference else ''}, and are ranked among themselves only."
        )
        found.insert(0, Section("", [Prose(text)]))
    return Part(setup.summary(stratum.record), found)


def _section(module: ModuleType, stratum: Stratum) -> Section | None:
    """What a section says, or why it cannot say it: one that fails takes no other with it."""
    try:
        found: Section | None = module.section(stratum)
    except Exception as error:
        name = module.__name__.rpartition(".")[2]
        text = f"This section ({name}) could not be built: {type(error).__name__}: {error}."
        return Section(name.capitalize(), [Prose(text)])
    return found


def _sources(records: Sequence[RunRecord], left_out: Mapping[str, str]) -> Section:
    runs = ", ".join(code(record.name) for record in records)
    blocks: list[Block] = [
        Prose(
            f"What was measured of every run stands in {code('results.csv')} (one row a value) "
            f"and {code('results.json')} (the records, with configuration, costs, data fingerprint "
            f"and versions), which {code('compare report')} writes beside this page. Worked out of "
            "these and of what each run keeps of every test example: means over seeds, intervals, "
            f"contrasts, CKA and tokens a parameter. Runs: {runs}."
        )
    ]
    if left_out:
        lines = [f"left out: {name}: {reason}" for name, reason in sorted(left_out.items())]
        blocks.append(Bullets(lines))
    return Section("Where the figures come from", blocks)


def whole(
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


def _title(groups: Sequence[Stratum]) -> str:
    labels = dict.fromkeys(row.label for stratum in groups for row in stratum.models)
    corpora = dict.fromkeys(stratum.record.corpus.label for stratum in groups)
    named = ", ".join(labels) or "no finished run"
    text = f"Which pretraining objective? {named} on {', '.join(corpora)}"
    return f"{text} (not tuned with equal effort)"


def _folder_name(records: Sequence[RunRecord]) -> str:
    names = " ".join(record.name for record in records)
    objectives = dict.fromkeys(
        record.objective for record in records if record.kind == "run" and record.objective
    )
    label = file_name("-".join(objectives)[:60])
    return f"{label}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"
