"""Data sets of the Hugging Face hub, or of a local folder in the hub's place."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from filelock import FileLock
from typing_extensions import override

from results.integrity import MANIFEST, damage, remove, write_manifest
from runners.corpora.cells import text_of, value_of, words_of
from runners.corpora.document import (
    SPLITS,
    CorpusConfig,
    Document,
    Source,
    check_pair_columns,
    hash_files,
)
from runners.corpora.images import pixels_of
from runners.corpora.local import document_of, text_columns
from runners.corpora.tables import check_columns
from runners.hub import asking_the_hub, endpoint
from runners.identity import name_of

TEXT_TYPES = ("string", "large_string", "string_view", "null")
"""`null` where a split has no text at all."""


@dataclass(frozen=True, kw_only=True)
class HubConfig(CorpusConfig):
    """A data set of the hub.

    Attributes:
        path: its hub name, such as `Salesforce/wikitext`.
        name: its configuration, where it has several.
        revision: a branch, tag or commit; null takes the newest.
        folder: its folder below `hub_dir`, where that is not the last part of `path`.
        text_column: column with the documents.
        group_column: rows of one group are never on two sides of a split.
        label_column: a class of each document, for the probe `library`.
        image_column: a picture that the text describes.
        pair_columns: in place of `text_column`: two texts that belong together, or three of which
            the last does not (an anchor, its positive, a hard negative).
    """

    path: str
    name: str | None = None
    revision: str | None = None
    folder: str | None = None
    text_column: str = "text"
    group_column: str | None = None
    label_column: str | None = None
    image_column: str | None = None
    pair_columns: tuple[str, ...] = ()

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        check_pair_columns(self.pair_columns)

    @property
    @override
    def label(self) -> str:
        return self.path if self.name is None else f"{self.path}:{self.name}"

    @override
    def open(self, *, hub_dir: Path | None, output_dir: Path) -> Source:
        """Load the data set, from the hub, from its cache or from `hub_dir`."""
        loaded = load_hub_dataset(
            self.path,
            name=self.name,
            revision=self.revision,
            folder=self.folder,
            hub_dir=hub_dir,
            cache_dir=output_dir / "corpora" / "hub",
        )
        return _HubDocuments(self, loaded)


class _HubDocuments:
    """The splits of a loaded data set."""

    sides: Mapping[str, str] = MappingProxyType({})
    in_random_order = False

    def __init__(self, config: HubConfig, loaded: Any) -> None:
        self._config = config
        others = (config.group_column, config.label_column, config.image_column)
        named = (*text_columns(config), *(name for name in others if name))
        self._columns = list(dict.fromkeys(named))  # one may serve twice
        self._loaded = {split: loaded[split] for split in SPLITS if split in loaded}
        if "train" not in self._loaded:
            raise ValueError(f"{config.label} has no split 'train'; it has {', '.join(loaded)}")
        for split, rows in self._loaded.items():
            where = f"{config.label}, split {split}"
            check_columns(where, rows.column_names, self._columns)
            for name in text_columns(config):
                _check_text(where, name, rows.features[name], captions=bool(config.image_column))
            if config.image_column:
                self._loaded[split] = _undecoded(rows, config.image_column, config.label)
        self.splits = frozenset(self._loaded)
        unread = [split for split in loaded if split not in self._loaded]
        self.notes = [f"splits not read: {', '.join(unread)}"] if unread else []
        digest = hashlib.sha256()
        for document in self.documents():
            texts = (document.split, document.group, document.label, document.text)
            parts = (*texts, str(document.second), str(document.third))
            digest.update("\x1f".join(parts).encode() + b"\x1e" + document.image)
        self.fingerprint = digest.hexdigest()

    def documents(self) -> Iterator[Document]:
        """Rows of every split, in the data set's order."""
        config = self._config
        texts = frozenset(text_columns(config))
        for split, rows in self._loaded.items():
            features = rows.features
            for number, row in enumerate(rows.select_columns(self._columns)):
                where = f"{config.label}, split {split}, row {number}"
                image = self._image(row, where)
                row.pop(config.image_column, None)
                for name, cell in row.items():
                    try:
                        row[name] = (
                            _first_text(cell) if name in texts else named(cell, features[name])
                        )
                    except ValueError as error:
                        raise ValueError(f"{where}, column {name!r} {error}") from error
                yield document_of(row, config, split, image)

    def alone(self) -> Source | None:
        """Groups are named by the user, and never split."""
        return None

    def _image(self, row: dict[str, Any], where: str) -> bytes:
        column = self._config.image_column
        return pixels_of(row[column], self._config.image_size, where) if column else b""


def _check_text(where: str, name: str, feature: Any, *, captions: bool) -> None:
    """Raise ValueError unless a column holds texts, or lists of them, captions of a picture."""
    import datasets

    inner = getattr(feature, "feature", None) if captions else None
    kind = feature if inner is None else inner
    if not isinstance(kind, datasets.Value) or kind.dtype not in TEXT_TYPES:
        held = feature.dtype if isinstance(feature, datasets.Value) else str(feature)
        raise ValueError(
            f"{where}: the column {name!r} holds {held}, not texts; name one that does, or make "
            "texts of it first"
        )


def _first_text(cell: Any) -> str:
    """A text; of several captions of one picture the first."""
    if isinstance(cell, list):
        return next((text_of(item) for item in cell if item), "")
    return text_of(cell)


def named(cell: Any, feature: Any) -> str:
    """A label by its name where the data set has one; -1 stands for a hidden one."""
    if hasattr(feature, "int2str"):
        return "" if cell is None or cell == -1 else str(feature.int2str(cell))
    return value_of(cell)


def list_of(cell: Any, feature: Any) -> list[str]:
    """Words or tags; tags by their names where the data set has them."""
    items = getattr(feature, "feature", None)
    if isinstance(cell, list) and hasattr(items, "int2str"):
        return [named(item, items) for item in cell]
    return words_of(cell)


def _undecoded(rows: Any, column: str, label: str) -> Any:
    """The rows with their pictures as they are in the file, so that a damaged one can be named."""
    import datasets

    if not isinstance(rows.features[column], datasets.Image):
        raise ValueError(
            f"{label}: the column {column!r} holds {rows.features[column]}, not images"
        )
    return rows.cast_column(column, datasets.Image(decode=False))


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
        try:
            known = datasets.get_dataset_config_names(str(local))
            chosen = name if name in known else None
            loaded = datasets.load_dataset(str(local), name=chosen, cache_dir=str(cache))
        except Exception as error:  # the library raises many kinds; all mean that it cannot be read
            raise ValueError(f"the data set in {local} cannot be loaded: {error}") from error
        if not (cache / MANIFEST).is_file():
            write_manifest(cache, [file for file in cache.rglob("*.*") if _is_converted(file)])
    return loaded


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
    with asking_the_hub("dataset", path, revision, what) as unreachable:
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
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise ValueError(f"{what} cannot be loaded from {endpoint()}: {reason}") from error
