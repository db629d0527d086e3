"""What a record says of the corpus that was read."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """What became of the documents of a source.

    Attributes:
        read: documents that the source offered, without blank ones.
        repeats: dropped, because an earlier document has the same text (and picture).
        near_repeats: dropped from the held-out splits, because training has most of their text.
        kept: documents of each split.
        blank: rows without text, or without one of the texts of a pair, which were passed over.
        tokenless: dropped, because the tokenizer makes no token of them.
    """

    read: int
    repeats: int
    near_repeats: int
    kept: dict[str, int]
    blank: int = 0
    tokenless: int = 0


@dataclass(frozen=True, slots=True)
class CorpusCard:
    """What is known of a built corpus; it goes into every record and report.

    Attributes:
        label: name in tables.
        fingerprint: SHA-256 of splits, tokenizer and rows: equal fingerprints, equal batches.
        tokenizer: SHA-256 of the tokenizer.
        documents: read, left out by reason, and kept by split.
        rows, tokens, num_bytes: by split; tokens without special ones.
        pairs, triplets: training rows that hold two texts that belong together, and three.
        images: training rows that come with a picture.
        image_size: width and height of pictures in pixels, or 0.
        unigram_nats: by split, cross-entropy under the training split's token frequencies; about
            equal numbers say that the splits are alike.
        vocabulary_size: V.
        sequence_length: longest row, special tokens included.
        unknown_share: share of the tokens that stand for text which the tokenizer does not know,
            of all splits; where it is above 0, bits per byte leave text out.
        notes: what a user may not expect of how the source was read, a line each.
        kind: class of its configuration.
    """

    label: str
    fingerprint: str
    tokenizer: str
    documents: SplitCounts
    rows: dict[str, int]
    tokens: dict[str, int]
    num_bytes: dict[str, int]
    pairs: int
    triplets: int
    images: int
    image_size: int
    unigram_nats: dict[str, float]
    vocabulary_size: int
    sequence_length: int
    unknown_share: float
    notes: list[str]
    kind: str

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "CorpusCard":
        """What `asdict` made of one."""
        return cls(**{**content, "documents": SplitCounts(**content["documents"])})
