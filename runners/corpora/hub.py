"""Data sets of the Hugging Face hub, or of a local folder in the hub's place."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from typing_extensions import override

from runners.corpora.cells import text_of, value_of, words_of
from runners.corpora.document import (
    SPLITS,
    CorpusConfig,
    Document,
    Source,
    check_pair_columns,
)
from runners.corpora.images import pixels_of
from runners.corpora.loading import load_hub_dataset, stream_hub_dataset
from runners.corpora.local import document_of, text_columns
from runners.corpora.tables import check_columns

SHUFFLED = 10_000
"""Rows of a stream among which the next one is drawn; they are in memory."""

SURPLUS = "__index_level_0__"
"""What pandas, which reads .csv files for `datasets`, makes of a field that no header names."""

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
        stream: read it over the wire as far as `max_documents` of each split, in a random order of
            its files, and store no more than these: for a corpus larger than the disk.
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
    stream: bool = False

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        check_pair_columns(self.pair_columns)
        if self.stream and self.max_documents is None:
            raise ValueError(
                "stream needs max_documents: so many of each split are read, and then no more"
            )

    @property
    @override
    def label(self) -> str:
        return self.path if self.name is None else f"{self.path}:{self.name}"

    @override
    def open(self, *, hub_dir: Path | None, output_dir: Path) -> Source:
        """Load the data set, from the hub, from its cache or from `hub_dir`, or begin to stream."""
        if self.stream:
            found = stream_hub_dataset(
                self.path,
                name=self.name,
                revision=self.revision,
                folder=self.folder,
                hub_dir=hub_dir,
            )
            return _StreamedDocuments(self, found.splits, found.fingerprint)
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

    def __init__(self, config: HubConfig, loaded: Any, fingerprint: str = "") -> None:
        self._config = config
        others = (config.group_column, config.label_column, config.image_column)
        named = (*text_columns(config), *(name for name in others if name))
        self._columns = list(dict.fromkeys(named))  # one may serve twice
        self._loaded = {split: loaded[split] for split in SPLITS if split in loaded}
        if "train" not in self._loaded:
            raise ValueError(f"{config.label} has no split 'train'; it has {', '.join(loaded)}")
        for split, rows in self._loaded.items():
            where = f"{config.label}, split {split}"
            if SURPLUS in rows.column_names:
                raise ValueError(
                    f"{where}: a row has more fields than the header, so that its texts are in "
                    "the wrong columns; quote texts that hold commas"
                )
            check_columns(where, rows.column_names, self._columns)
            for name in text_columns(config):
                _check_text(where, name, rows.features[name], captions=bool(config.image_column))
            if config.image_column:
                self._loaded[split] = _undecoded(rows, config.image_column, config.label)
        self.splits = frozenset(self._loaded)
        unread = [split for split in loaded if split not in self._loaded]
        self.notes = [f"splits not read: {', '.join(unread)}"] if unread else []
        self.fingerprint = fingerprint or self._digest()

    def documents(self) -> Iterator[Document]:
        """Rows of every split, in the data set's order."""
        for split in self._loaded:
            yield from self._of(split)

    def _of(self, split: str) -> Iterator[Document]:
        config, rows = self._config, self._loaded[split]
        texts, features = frozenset(text_columns(config)), rows.features
        for number, row in enumerate(rows.select_columns(self._columns)):
            where = f"{config.label}, split {split}, row {number}"
            image = self._image(row, where)
            row.pop(config.image_column, None)
            for name, cell in row.items():
                try:
                    row[name] = _first_text(cell) if name in texts else named(cell, features[name])
                except ValueError as error:
                    raise ValueError(f"{where}, column {name!r} {error}") from error
            yield document_of(row, config, split, image)

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for document in self.documents():
            texts = (document.split, document.group, document.label, document.text)
            parts = (*texts, str(document.second), str(document.third))
            digest.update("\x1f".join(parts).encode() + b"\x1e" + document.image)
        return digest.hexdigest()

    def alone(self) -> Source | None:
        """Groups are named by the user, and never split."""
        return None

    def _image(self, row: dict[str, Any], where: str) -> bytes:
        column = self._config.image_column
        return pixels_of(row[column], self._config.image_size, where) if column else b""


class _StreamedDocuments(_HubDocuments):
    """The first documents that come over the wire, the same ones every time."""

    in_random_order = True

    def __init__(self, config: HubConfig, splits: Any, fingerprint: str) -> None:
        known = {
            split: rows if rows.features else rows._resolve_features()
            for split, rows in splits.items()
        }
        super().__init__(config, known, fingerprint)
        self.notes = [*self.notes, f"streamed: {config.max_documents:,} documents of each split"]
        for split, rows in self._loaded.items():
            self._loaded[split] = rows.shuffle(seed=0, buffer_size=SHUFFLED)

    @override
    def documents(self) -> Iterator[Document]:
        """Those that have text, as many of each split as are wanted."""
        for split in self._loaded:
            try:
                whole = (document for document in self._of(split) if document.text.strip())
                yield from itertools.islice(whole, self._config.max_documents)
            except OSError as error:
                raise ValueError(f"{self._config.label} broke off: {error}") from error


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
