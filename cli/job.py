"""`compare job`: run jobs that `compare run` wrote down, in any process that sees their files."""

from collections.abc import Sequence
from pathlib import Path

from cli.arguments import parser_of
from cli.hydra_app import parse
from cli.jobs import run_all, run_free
from cli.paths import shown
from cli.prepare import prepare_files
from cli.progress import Display
from cli.workers import Told, end_with_parent, is_worker
from results.store import ResultStore


def main(arguments: Sequence[str]) -> int:
    """Run those of the jobs that no other process is running, and what they are compared with.

    Returns:
        0, or 1 where a job failed.
    """
    about = "Run jobs that `compare run` wrote down, those that no other process is running."
    parser = parser_of("job", about, examples="compare job outputs/jobs/*.json")
    parser.add_argument("files", nargs="+", type=Path, help="OUTPUT_DIR/jobs/NAME.json")
    files = parse(parser, arguments, help_by="compare job --help").files
    if is_worker():
        return _work(files)
    with Display() as display:
        prepared = prepare_files(files, display)
        display.say(prepared.heading)
        store = ResultStore(prepared.jobs[0].config.output_dir)
        records = run_free(prepared, store, display)
    for record in records:
        print(f"{record.status}: {shown(store.folder / record.name)}")
    return int(any(record.status == "failed" for record in records))


def _work(files: Sequence[Path]) -> int:
    """Run and help until all is there; what failed, whoever started this reads in its record."""
    end_with_parent()
    told = Told()
    told.stage("reading what there is to do")
    prepared = prepare_files(files, told)
    run_all(prepared, ResultStore(prepared.jobs[0].config.output_dir), told)
    return 0
