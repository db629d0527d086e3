"""The user's own text: .txt, .jsonl, .csv, .tsv and .parquet files, or folders of them."""

import itertools
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from runners.corpora.cells import clean, label_of
from runners.corpora.document import (
    CorpusConfig,
    Document,
    Source,
    check_pair_columns,
    hash_files,
    joined,
)
from runners.corpora.files import did_you_mean, find_files, short_name, whole_file_sides
from runners.corpora.tables import kind_of, read_lines, read_table

SUFFIXES = (".txt", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
UNITS = ("paragraph", "line", "file")
GROUPS = ("auto", "file", "document")

_WHOLE = "each file stands whole on one side"


@dataclass(frozen=True, kw_only=True)
class LocalConfig(CorpusConfig):
    """Files on this machine.

    In a folder, files whose names begin with train, validation (valid, val, dev) or test, and
    those in folders of these names, are taken as those splits; other files are split by hash.

    Attributes:
        path: a file, or a folder that is searched with its subfolders.
        text_column: of tables (.jsonl, .csv, .tsv, .parquet).
        group_column: of tables; rows of one group are never on two sides of a split.
        label_column: of tables; a class of each document, for the probe `library`.
        pair_columns: of tables, in place of `text_column`: two texts that belong together, or three
            of which the last does not (an anchor, its positive, a hard negative).
        unit: what is a document in .txt files: a `paragraph` (ended by a blank line), a `line`,
            or the whole `file`.
        group: of .txt files: `file` never lets paragraphs of one file stand on two sides of a
            split, `document` splits them one by one, and `auto` takes whole files where they are
            enough to come near the shares of the splits.
    """

    path: str
    text_column: str = "text"
    group_column: str | None = None
    label_column: str | None = None
    pair_columns: tuple[str, ...] = ()
    unit: str = "paragraph"
    group: str = "auto"

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("unit", UNITS), ("group", GROUPS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; known: {', '.join(known)}")
        check_pair_columns(self.pair_columns)

    @property
    @override
    def label(self) -> str:
        return clean(short_name(self.path))

    @property
    @override
    def advice(self) -> str:
        if self.group == "file":
            return "dataset.group=document lets the paragraphs of a file stand on several sides"
        if not self.path.lower().endswith(".txt"):
            return ""
        return {
            "paragraph": "A paragraph ends at a blank line; dataset.unit=line takes every line",
            "line": "A line is a document; break long lines, for example after each sentence",
            "file": "The file is one document; dataset.unit=paragraph or line takes its parts",
        }[self.unit]

    @override
    def open(self, *, hub_dir: Path | None, output_dir: Path) -> Source:
        """Find the files."""
        return _LocalFiles(self, output_dir)


class _LocalFiles:
    """Found files, read on demand."""

    in_random_order = False
    sides: dict[str, str]
    _whole: frozenset[str]

    def __init__(self, config: LocalConfig, output_dir: Path) -> None:
        self._config = config
        path = Path(config.path).expanduser()
        if not path.exists():
            hint = did_you_mean(path) or f"; give one with {', '.join(SUFFIXES)} files"
            raise ValueError(f"dataset.path: there is no file or folder {path}{hint}")
        self._found = find_files(path, SUFFIXES, output_dir)
        self.notes = self._found.notes
        if not self._found.files:
            passed = "".join(f" ({note})" for note in self.notes)
            raise ValueError(
                f"dataset.path: {path} is not and holds no {', '.join(SUFFIXES)} file{passed}. "
                "Decompress archives, and give .json as .jsonl, one object a line"
            )
        self._check_settings()
        self.splits = frozenset(self._found.sides.values())
        try:
            self.fingerprint = hash_files(self._found.files, self._found.root)
        except OSError as error:
            raise ValueError(
                f"dataset.path: {error.filename} cannot be read: {error.strerror}"
            ) from error
        self._hold_out_files()

    def documents(self) -> Iterator[Document]:
        """Documents file by file, in the order of the names."""
        for file in self._found.files:
            split = self._found.sides.get(file, "")
            if kind_of(file) == ".txt":
                name = self._found.name(file)
                for text in _texts(file, self._config.unit):
                    yield Document(text, group=name if name in self._whole else text, split=split)
            else:
                for row in read_table(file, self._columns(), texts=text_columns(self._config)):
                    yield document_of(row, self._config, split)

    def _check_settings(self) -> None:
        """Raise ValueError for settings of tables where there is none, and of .txt files alike."""
        kinds = {kind_of(file) == ".txt" for file in self._found.files}
        of_tables = ("text_column", "group_column", "label_column", "pair_columns")
        wrong, what = (
            (of_tables, "tables") if kinds == {True} else (("unit", "group"), ".txt files")
        )
        given = {field.name: field.default for field in fields(self._config)}
        changed = [name for name in wrong if getattr(self._config, name) != given[name]]
        if len(kinds) == 1 and changed:
            raise ValueError(
                f"dataset.{changed[0]} is a setting of {what}, and {self._config.path} holds none; "
                "leave it out"
            )

    def _columns(self) -> list[str]:
        config = self._config
        others = (config.group_column, config.label_column)
        return [*text_columns(config), *(name for name in others if name)]

    def alone(self) -> Source | None:
        """The same, every document for itself, unless that is so or was refused."""
        if not self.sides or self._config.group == "file":
            return None
        other = copy(self)
        other.sides, other._whole = {}, frozenset()
        other.notes = [note for note in self.notes if note != _WHOLE]
        other.notes.append(f"each {self._config.unit} stands alone: whole files leave too few")
        return other

    def _hold_out_files(self) -> None:
        """Which .txt files are held out whole, and a note of it."""
        config, found = self._config, self._found
        self.sides, self._whole = {}, frozenset()
        texts = [file for file in found.files if kind_of(file) == ".txt"]
        if config.unit == "file" or config.group == "document" or not texts:
            return
        shares = {"validation": config.validation_share, "test": config.test_share}
        shares = {split: share for split, share in shares.items() if split not in self.splits}
        free = [file for file in texts if found.sides.get(file, "train") == "train"]
        sizes = {found.name(file): file.stat().st_size for file in free}
        if shares and free:
            held_out = whole_file_sides(sizes, shares, required=config.group == "file")
            if not held_out and config.group == "file":
                raise ValueError(
                    f"dataset.group=file: {len(free)} .txt file(s) of {config.label} cannot be "
                    f"parted into {', '.join(('train', *shares))}; give more files, or "
                    "dataset.group=document"
                )
            if not held_out:
                few = "there is one file"
                if len(free) > 1:
                    few = f"{len(free)} files are too few or too unequal to be held out whole"
                self.notes.append(f"each {config.unit} stands alone: {few}")
                return
            self.sides = {name: held_out.get(name, "train") for name in sizes}
            self.notes.append(_WHOLE)
        self._whole = frozenset(found.name(file) for file in texts)


class _TextColumns(Protocol):
    @property
    def text_column(self) -> str: ...
    @property
    def group_column(self) -> str | None: ...
    @property
    def label_column(self) -> str | None: ...
    @property
    def pair_columns(self) -> tuple[str, ...]: ...


def text_columns(config: _TextColumns) -> tuple[str, ...]:
    """The columns whose texts make a document."""
    return config.pair_columns or (config.text_column,)


def document_of(
    row: Mapping[str, str], config: _TextColumns, split: str, image: bytes = b""
) -> Document:
    """The document of a row: without text where one of its texts is missing."""
    texts = [row[name] for name in text_columns(config)]
    text, second, third = joined(texts) if len(texts) > 1 else (texts[0], 0, 0)
    if not all(item.strip() for item in texts):
        text = ""
    return Document(
        text,
        group=row[config.group_column or ""] or text if config.group_column else text,
        split=split,
        label=label_of(row[config.label_column]) if config.label_column else "",
        second=second,
        third=third,
        image=image,
    )


def _texts(file: Path, unit: str) -> Iterator[str]:
    if unit == "file":
        yield clean("".join(read_lines(file)))
    elif unit == "line":
        yield from (line.rstrip("\r\n") for line in read_lines(file) if line.strip())
    else:
        for is_text, lines in itertools.groupby(
            read_lines(file), key=lambda line: bool(line.strip())
        ):
            if is_text:
                yield clean("".join(lines).rstrip("\r\n"))
