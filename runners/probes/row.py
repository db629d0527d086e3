"""A row of a table that a probe reads."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from runners.probes.overlap import normalized_text


@dataclass(frozen=True, slots=True)
class Row:
    """An example.

    Attributes:
        place: of the row in its file or split, for messages.
        texts: one, or two of a pair; of a list of words, what they make.
        value: the class, or the score; None where the probe asks for none.
        lists: of its columns that hold lists, such as words and their tags.
    """

    place: str
    texts: tuple[str, ...]
    value: str | None
    lists: tuple[tuple[str, ...], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        given = [*self.texts, *([] if self.value is None else [self.value])]
        return all(text.strip() for text in given) and all(self.lists)

    def check_lists(self, columns: Sequence[str]) -> None:
        """Raise ValueError unless every list of these columns is as long as the first, of words."""
        for name, cells in zip(columns[1:], self.lists[1:], strict=True):
            if len(cells) != len(self.lists[0]):
                raise ValueError(
                    f"{self.place} has {len(self.lists[0])} words in column {columns[0]!r} and "
                    f"{len(cells)} items in {name!r}; each word has one"
                )

    @property
    def digest(self) -> bytes:
        """Of its first text: what orders rows and divides a file, equal texts on one side."""
        return hashlib.sha256(normalized_text(self.texts[0]).encode()).digest()
