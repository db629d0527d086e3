"""`compare status`: what became of the jobs of a sweep, or how far they are, from any terminal."""

import time
from collections.abc import Mapping, Sequence

from cli.arguments import parser_of
from cli.claims import Claim, claims
from cli.hydra_app import parse
from cli.main import UsageError
from cli.paths import shown
from cli.sweep import Sweep, add_place, sweeps
from cli.tables import print_table
from results.figures import number
from results.record import RunRecord
from results.store import ResultStore
from runners.configuration.build import nearest

EXAMPLES = """\
compare status
compare status outputs --best 'retrieval mrr'
"""


def main(arguments: Sequence[str]) -> int:
    """Print a line for each job.

    Returns:
        0.
    """
    about = (
        "What became of the jobs of a sweep, or how far they are: finished, failed, running, "
        "orphaned (half done, and its process gone), waiting."
    )
    parser = parser_of("status", about, examples=EXAMPLES)
    add_place(parser)
    parser.add_argument("--best", metavar="FIGURE", help="'loss mlm nats', 'retrieval mrr': by it")
    parsed = parse(parser, arguments, help_by="compare status --help")
    sweep = Sweep.find(parsed.folder)
    store = ResultStore(sweep.output_dir)
    titles = sweep.titles()
    records = {name: record for name in titles if (record := store.readable(name)) is not None}
    making = claims(sweep.output_dir)
    print(f"{shown(sweep.folder)}: {sweep.read()['command']}")
    rows = [
        [title, *_state(records.get(name), making.get(name)), name]
        for name, title in titles.items()
    ]
    heads = ["job", "state", "at", "record"]
    if parsed.best is not None:
        values, lower = _figures(parsed.best, records)
        for row, name in zip(rows, titles, strict=True):
            row.insert(1, number(values.get(name)))
        rows.sort(key=lambda row: _place(row[1], lower=lower))
        heads.insert(1, parsed.best)
    print_table([heads, *rows])
    others = [other for other in sweeps(sweep.output_dir) if other != sweep]
    if others:
        print(f"{len(others)} earlier sweep(s): {', '.join(shown(o.folder) for o in others[-3:])}")
    return 0


def _state(record: RunRecord | None, claim: Claim | None) -> tuple[str, str]:
    """A word, and what there is to say besides."""
    if record is not None and record.status == "finished":
        return "finished", record.created
    if claim is not None:
        place = f"{claim.stage} {claim.fraction:.0%}, process {claim.process} on {claim.host}"
        if claim.is_alive:
            return "running", f"{place}, for {(time.time() - claim.began) / 60:.0f} min"
        silent = (time.time() - claim.beat) / 60
        return "orphaned", f"{place}, not heard of for {silent:.0f} min; `compare resume` goes on"
    if record is not None:
        return "failed", record.error
    return "waiting", ""


def _figures(figure: str, records: Mapping[str, RunRecord]) -> tuple[dict[str, float], bool]:
    """A figure of each finished record that has it, and whether lower is better.

    Raises:
        UsageError: none has it.
    """
    found, known, lower = {}, set(), False
    finished = {name: record for name, record in records.items() if record.status == "finished"}
    for name, record in finished.items():
        for value in record.values:
            told = f"{value.measure.removeprefix('probe ')} {value.metric}"
            known.add(told)
            if value.row or value.value is None or told != figure.removeprefix("probe "):
                continue
            found[name] = value.value
            sign = record.metric(value.measure, value.metric).sign
            lower = sign < 0 or value.measure.startswith("loss ")
    if not found:
        near = nearest(figure, sorted(known))
        raise UsageError(
            f"--best: no finished job has a figure {figure!r}; {near}"
            f"known: {', '.join(sorted(known)) or 'none yet'}"
        )
    return found, lower


def _place(cell: str, *, lower: bool) -> float:
    """In ascending order the best first, and those without the figure last."""
    if not cell:
        return float("inf")
    return float(cell) if lower else -float(cell)
