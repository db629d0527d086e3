"""`compare export`: the trained model of a finished run as a folder of transformers."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from cli.arguments import parser_of
from cli.hydra_app import parse
from cli.main import UsageError
from cli.paths import shown
from models.exports.folder import Written, write_folder
from results.model_card import ExportFacts, model_card
from results.record import RunRecord
from results.rows import StoredRun
from results.store import ResultStore
from runners.trained_run import trained_run
from runners.upload import token_of, upload

MARK = "modules.json"
"""A file that every exported folder has, so that --overwrite deletes nothing else."""


EXAMPLES = """\
compare export outputs/runs/NAME my_model/
compare export outputs/runs/NAME my_model/ --push USER/NAME
"""


def main(arguments: Sequence[str]) -> int:
    """Write the folder, and upload it where that is asked for."""
    parser = parser_of(
        "export",
        "Write the trained model of a finished run as a folder that transformers and "
        "sentence-transformers load, with its tokenizer and a model card.",
        examples=EXAMPLES,
    )
    parser.add_argument("run", metavar="RUN", help="OUTPUT_DIR/runs/NAME, or the NAME alone")
    parser.add_argument("folder", metavar="DIR", type=Path, help="the new folder")
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("outputs"),
        metavar="OUTPUT_DIR",
        help="whose run a NAME is (default: outputs)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a model exported before")
    parser.add_argument(
        "--push", metavar="REPO", help="upload it to the hub too, as the private model USER/NAME"
    )
    parsed = parse(parser, arguments, help_by="compare export --help")
    record, store = _find(parsed.run, parsed.output_dir)
    target = parsed.folder.expanduser().resolve()
    try:
        token = token_of(parsed.push) if parsed.push else ""
        found = trained_run(record, store.folder.parent)
        with _new_folder(target, overwrite=parsed.overwrite) as work:
            written = write_folder(
                found.source, found.corpus, work, longest=found.longest, pooling=found.pooling
            )
            (work / "README.md").write_text(_card(record, store, written), encoding="utf-8")
    except ValueError as error:
        raise UsageError(str(error)) from error
    print(f"exported: {shown(target)}")
    print(f"{written.architecture}; outputs differ from ours by {written.difference:.1g} at most")
    for name, why in written.left_out.items():
        print(f"left out: the head {name}, since {why}")
    if parsed.push:
        try:
            print(f"uploaded: {upload(target, parsed.push, token)}")
        except ValueError as error:
            raise UsageError(f"{error}; the folder {shown(target)} is finished") from error
    return 0


def _find(given: str, output_dir: Path) -> tuple[RunRecord, ResultStore]:
    """The record of a run's folder, or of a name below an output directory."""
    folder = Path(given).expanduser()
    store, name = ResultStore(output_dir.expanduser()), given
    if (folder / "record.json").is_file():
        whole = folder.resolve()
        store, name = ResultStore(whole.parent.parent), whole.name
    elif (folder / "runs").is_dir():
        store, name = ResultStore(folder), ""
    try:
        record = store.get(name) if name else None
    except ValueError as error:
        raise UsageError(str(error)) from error
    if record is not None:
        return record, store
    names = [each.name for each in store.records()[0] if each.kind == "run"]
    near = get_close_matches(name, names, n=3, cutoff=0.4) or names[:3]
    some = f", such as {', '.join(str(store.folder / each) for each in near)}" if near else ""
    raise UsageError(
        f"there is no run {given}; give the folder of one below OUTPUT_DIR/runs/{some}. "
        "`compare list runs output_dir=DIR` names them all"
    )


@contextlib.contextmanager
def _new_folder(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder beside the target, which takes its place once it is whole."""
    there = target.exists() and (not target.is_dir() or any(target.iterdir()))
    if there and not overwrite:
        raise UsageError(f"{shown(target)} is there already; --overwrite replaces it")
    if there and not (target / MARK).is_file():
        raise UsageError(
            f"{shown(target)} is no model exported before, so --overwrite does not delete it; "
            "give another folder"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    try:
        yield work
        for path in (work, *work.rglob("*")):  # temporary files are their maker's alone
            path.chmod(0o755 if path.is_dir() else 0o644)
        old = work.with_name(f"{work.name}.old")
        if there:
            os.replace(target, old)
        os.replace(work, target)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _card(record: RunRecord, store: ResultStore, written: Written) -> str:
    others = [each for each in store.records()[0] if each.kind != "run"]
    references = [StoredRun(each, store) for each in others]
    facts = ExportFacts(written.architecture, written.kind, written.left_out, written.difference)
    return model_card(StoredRun(record, store), references, facts)
