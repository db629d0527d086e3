"""The unit of a corpus, and what every source of documents offers."""

import hashlib
import itertools
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.registry import Kind, Named

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Document:
    """A text that stands on one side of a split.

    Attributes:
        text: as it will be tokenized.
        group: documents of one group (a module, a book) never stand on two sides of a split.
        split: the side that the source itself puts it on, or "" to let the hash decide.
        label: a class that the corpus knows of it, or "".
        image: (size * size * 3) bytes, the RGB pixels of the picture that the text describes, from
            the top row by row; empty where there is none.
        second, third: the characters at which a second and a third text begin in it, which belong
            with what stands before them (a body after its summary); 0 where there are none.
    """

    text: str
    group: str
    split: str = ""
    label: str = ""
    second: int = 0
    third: int = 0
    image: bytes = b""


def joined(texts: Sequence[str]) -> tuple[str, int, int]:
    """Two or three texts that belong together as one, and where the second and third begin."""
    starts = [0, *itertools.accumulate(len(text) + 1 for text in texts)]
    return "\n".join(texts), starts[1], starts[2] if len(texts) > 2 else 0


class Source(Protocol):
    """An opened source: its content is known to exist and to be readable.

    Attributes:
        fingerprint: SHA-256 over what it will read, so that changed content is never mistaken
            for cached content, whatever its size and time stamp say.
        splits: the splits that it defines itself; the others are taken out of `train`.
        in_random_order: whether its first documents are a fair sample of all.
    """

    fingerprint: str
    splits: frozenset[str]
    in_random_order: bool

    @property
    def sides(self) -> Mapping[str, str]:
        """The splits of some groups (files held out whole); those of others follow from a hash."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a user may not expect of how it is read, a line each."""
        ...

    def documents(self) -> Iterator[Document]:
        """All documents, in an order that depends on the content alone."""
        ...

    def alone(self) -> "Source | None":
        """The same without `sides`, where they may be given up because they leave too few."""
        ...


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(Named, ABC):
    """What every corpus has, whatever its source.

    Attributes:
        sequence_length: longest row in tokens, `[CLS]` and `[SEP]` included; a longer document
            is cut into several rows.
        tokenizer: `bpe` trains byte-level BPE on the training split; anything else is a
            transformers tokenizer by hub name or folder.
        vocabulary_size: of the trained tokenizer, special tokens included.
        validation_share, test_share: shares of the groups held out, where the source has no
            splits of its own.
        image_size: width and height in pixels that pictures are brought to, where there are any.
        max_documents: take at most so many documents at random, of each split that the source
            defines itself; null takes all.
    """

    sequence_length: int = 128
    tokenizer: str = "bpe"
    vocabulary_size: int = 8192
    validation_share: float = 0.05
    test_share: float = 0.05
    image_size: int = 64
    max_documents: int | None = None

    def __post_init__(self) -> None:
        if self.sequence_length < 8:
            raise ValueError(f"sequence_length is {self.sequence_length}; it must be at least 8")
        if self.tokenizer == "bpe" and not 512 <= self.vocabulary_size <= 2**20:
            raise ValueError(
                f"vocabulary_size is {self.vocabulary_size}; byte-level BPE with the special "
                "tokens needs 512 or more (at most 1048576)"
            )
        held_out = self.validation_share + self.test_share
        if min(self.validation_share, self.test_share) <= 0 or held_out > 0.9:
            raise ValueError(
                f"validation_share {self.validation_share} and test_share {self.test_share} must "
                "each be above 0 and leave at least 0.1 for training"
            )
        if not 8 <= self.image_size <= 1024:
            raise ValueError(f"image_size is {self.image_size}; it must lie in [8, 1024] pixels")
        if self.max_documents is not None and self.max_documents < 1:
            raise ValueError(f"max_documents is {self.max_documents}; use null to take all")

    @property
    @abstractmethod
    def label(self) -> str:
        """How tables name the corpus."""

    @property
    def advice(self) -> str:
        """What else gives more documents, a sentence, or ""."""
        return ""

    @abstractmethod
    def open(self, *, hub_dir: Path | None, output_dir: Path) -> Source:
        """Find the source and fingerprint it.

        Args:
            hub_dir: a folder that takes the hub's place, or None for the hub itself.
            output_dir: what lies below it is never data; a download may be unpacked there.

        Raises:
            ValueError: it is missing, empty or unreadable; the message says what would be right.
        """


CORPORA: Kind[CorpusConfig] = Kind("corpus", CorpusConfig, "runners.corpora", "compare.corpora")


def check_pair_columns(columns: Sequence[str]) -> None:
    """Raise ValueError unless none, two or three columns are named."""
    if len(columns) not in (0, 2, 3):
        raise ValueError(
            f"pair_columns names {len(columns)} columns; give two (texts that belong together) or "
            "three (and one that does not)"
        )
    if len(set(columns)) < len(columns):
        raise ValueError(f"pair_columns names {', '.join(columns)}; they must be different ones")


def hash_files(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names below `root` and the bytes of some files."""
    digest = hashlib.sha256()
    for path in paths:
        name = os.fsencode(path.relative_to(root).as_posix())
        digest.update(len(name).to_bytes(8, "little") + name)
        with path.open("rb") as file:
            digest.update(os.fstat(file.fileno()).st_size.to_bytes(8, "little"))
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def count_groups(groups: Iterable[str], most: int) -> int:
    """The number of different groups, or `most` where there are more, without looking further."""
    found: set[str] = set()
    for group in groups:
        found.add(group)
        if len(found) == most:
            break
    return len(found)
