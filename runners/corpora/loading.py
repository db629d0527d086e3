"""Loading a data set by hub name: from the hub, from its cache, or from a folder in its place."""

import contextlib
import csv
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from filelock import FileLock

from results.integrity import MANIFEST, damage, remove, write_manifest
from runners.corpora.document import hash_files
from runners.hub import asking_the_hub, endpoint
from runners.identity import name_of

EVERY = "all"
"""A configuration that stands for all of them, one after the other, where none is called so."""


def load_hub_dataset(
    path: str,
    *,
    name: str | None = None,
    revision: str | None = None,
    folder: str | None = None,
    on_hub: bool = True,
    hub_dir: Path | None,
    cache_dir: Path,
) -> Any:
    """A `datasets.DatasetDict`, by hub name.

    Args:
        path: hub name, such as `stanfordnlp/sst2`.
        name: configuration, or EVERY.
        revision: branch, tag or commit.
        folder: name below `hub_dir`; by default the last part of `path`.
        on_hub: whether the hub has it; else it can only be in `hub_dir`.
        hub_dir: a folder with one data set a subfolder, which takes the hub's place.
        cache_dir: where the files of `hub_dir` are converted to.

    Raises:
        ValueError: it is not there or cannot be loaded; the message says what to do.
    """
    import datasets

    datasets.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    if hub_dir is None:
        if not on_hub:
            raise ValueError(
                f"{path} is on no hub: set hub_dir=FOLDER, or COMPARE_HUB_DIR, to a folder with "
                f"the subfolder {folder or path}, which holds a table for each split, such as "
                "train.parquet and test.parquet"
            )
        return _load_from_hub(path, name, revision)
    local = _folder_in(hub_dir, path, folder, on_hub=on_hub)
    # `datasets` takes a file of equal size and time stamp for unchanged: key by content instead.
    files = sorted(file for file in local.rglob("*") if file.is_file())
    cache = cache_dir / name_of(name, hash_files(files, local), length=16)
    cache_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{cache}.lock"):
        if not (cache / MANIFEST).is_file() or damage(cache):
            remove(cache)  # what was converted is damaged, or was left half done
        with _quiet() as unread:
            try:
                chosen = _known(local, name)
                loaded = datasets.load_dataset(
                    str(local), name=chosen, cache_dir=str(cache), **_as_read_here(files)
                )
            except Exception as error:  # of many kinds; all mean that it cannot be read
                file = "".join(f"{Path(each).name}: " for each in unread[:1])
                raise ValueError(
                    f"the data set in {local} cannot be loaded: {file}{_cause(error)}"
                ) from error
        if not (cache / MANIFEST).is_file():
            write_manifest(cache, [file for file in cache.rglob("*.*") if _is_converted(file)])
    return loaded


@dataclass(frozen=True, slots=True)
class Stream:
    """A data set that is read over the wire and never as a whole.

    Attributes:
        splits: an iterable data set for each.
        fingerprint: SHA-256 over what it will read.
    """

    splits: Any
    fingerprint: str


def stream_hub_dataset(
    path: str,
    *,
    name: str | None = None,
    revision: str | None = None,
    folder: str | None = None,
    hub_dir: Path | None,
) -> Stream:
    """A data set of which nothing is stored; arguments as of `load_hub_dataset`.

    From the hub it is read at the commit that `revision` stands for now, which is its fingerprint.

    Raises:
        ValueError: it is not there or cannot be read; the message says what to do.
    """
    import datasets
    import huggingface_hub

    if name == EVERY:
        raise ValueError(f"dataset.stream reads one configuration: name it in place of {EVERY!r}")
    if hub_dir is not None:
        local = _folder_in(hub_dir, path, folder, on_hub=True)
        files = sorted(file for file in local.rglob("*") if file.is_file())
        chosen = _known(local, name)
        way = _as_read_here(files)
        splits = datasets.load_dataset(str(local), name=chosen, streaming=True, **way)
        return Stream(splits, name_of(chosen, hash_files(files, local), length=64))
    what = f"the data set {path!r}"
    with asking_the_hub("dataset", path, revision, what) as unreachable:
        if unreachable:
            raise ValueError(f"{what} cannot be streamed: {unreachable}")
        try:
            commit = huggingface_hub.HfApi().dataset_info(path, revision=revision).sha
            splits = datasets.load_dataset(path, name=name, revision=commit, streaming=True)
        except Exception as error:  # many kinds, for one meaning
            raise ValueError(f"{what} cannot be streamed from {_why(error)}") from error
    return Stream(splits, name_of([path, name], str(commit), length=64))


def _known(local: Path, name: str | None) -> str | None:
    """The configuration of that name, where a folder has it; one that has none has all of them.

    Raises:
        ValueError: it has others.
    """
    import datasets

    known = datasets.get_dataset_config_names(str(local))
    if name is not None and name not in known and len(known) > 1:
        raise ValueError(f"it has no configuration {name!r}; it has {', '.join(known)}")
    return name if name in known else None


def _as_read_here(files: Sequence[Path]) -> dict[str, Any]:
    """In a .tsv a quotation mark is a letter, as in files of one's own (tables.py)."""
    kinds = {file.suffix.lower() for file in files} - {".md", ""}
    return {"quoting": csv.QUOTE_NONE} if kinds == {".tsv"} else {}


def _is_converted(file: Path) -> bool:
    return file.is_file() and file.suffix in (".arrow", ".json")


def _folder_in(hub_dir: Path, path: str, folder: str | None, *, on_hub: bool) -> Path:
    candidates = [folder] if folder else list(dict.fromkeys([path, path.rsplit("/", 1)[-1]]))
    for candidate in candidates:
        if (hub_dir / candidate).is_dir():
            return hub_dir / candidate
    known = sorted(entry.name for entry in hub_dir.iterdir()) if hub_dir.is_dir() else []
    near = get_close_matches(candidates[-1], known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    way_out = "Set hub_dir=null to load from the hub" if on_hub else "It is on no hub"
    raise ValueError(
        f"hub_dir is {hub_dir}, and there is no folder {' or '.join(candidates)} in it; {hint}"
        f"it holds {', '.join(known) or 'nothing'}. {way_out}"
    )


def _load_from_hub(path: str, name: str | None, revision: str | None) -> Any:
    import datasets

    what = f"the data set {path!r}"
    with asking_the_hub("dataset", path, revision, what) as unreachable, _quiet():
        try:
            known = []
            if name == EVERY:
                known = datasets.get_dataset_config_names(path, revision=revision)
            if name != EVERY or EVERY in known:
                return datasets.load_dataset(path, name=name, revision=revision)
            parts = [datasets.load_dataset(path, name=each, revision=revision) for each in known]
            return datasets.DatasetDict(
                {
                    split: datasets.concatenate_datasets([part[split] for part in parts])
                    for split in parts[0]
                }
            )
        except Exception as error:  # many kinds, for one meaning
            if unreachable:
                raise ValueError(
                    f"{what} cannot be loaded: {unreachable}, and it is not in the cache. Connect, "
                    "or set hub_dir=FOLDER to a folder with a copy, or take dataset=local or "
                    "dataset=pydocs"
                ) from error
            raise ValueError(f"{what} cannot be loaded from {_why(error)}") from error


def _why(error: Exception) -> str:
    """The hub, and what it said, in a line."""
    return f"{endpoint()}: {_cause(error)}"


def _cause(error: BaseException) -> str:
    """What is wrong, in a line: errors of the library may say no more than that there is one."""
    import datasets.table

    while isinstance(error, datasets.exceptions.DatasetGenerationError) and error.__cause__:
        error = error.__cause__
    if isinstance(error, datasets.table.CastError):
        return f"its columns are not those of the files before it: {error.details().rstrip('.')}"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text ({error.reason}); save it as UTF-8"
    said = (line.strip() for line in str(error).splitlines())
    return next((line for line in said if line), repr(error))


@contextlib.contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keep what the library logs from the terminal; the files that it says it cannot read."""
    unread: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        unread.extend(re.findall("Failed to .*? file '(.*?)' with", record.getMessage()))
        return False

    handlers = logging.getLogger("datasets").handlers
    for handler in handlers:
        handler.addFilter(keep)
    try:
        yield unread
    finally:
        for handler in handlers:
            handler.removeFilter(keep)
