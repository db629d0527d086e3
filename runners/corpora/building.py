"""From a source to a corpus on disk: split, tokenized, written once and named by its content."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from results.corpus import CorpusCard, SplitCounts
from results.integrity import MANIFEST, damage, put, remove, write_manifest
from runners.corpora.corpus import Corpus, unigram_distribution
from runners.corpora.document import SPLITS, CorpusConfig, Source
from runners.corpora.images import images_file
from runners.corpora.shards import ShardWriter, TokenRows
from runners.corpora.splits import drop_documents, read_documents, write_splits
from runners.corpora.tokenizer import (
    TextTokenizer,
    chunk,
    first_row_boundaries,
    load_pretrained,
    pretrained_fingerprint,
    train_bpe,
)
from runners.identity import name_of, source_hash
from runners.plain import plain

MIN_HELD_OUT_DOCUMENTS = 8

NOTABLE_UNKNOWN, MOST_UNKNOWN = 0.01, 0.9
"""Shares of unknown tokens from which it is said, and past which nothing can be learned."""

LONGEST_NAME = 60
"""Characters of a corpus's name in that of its folder."""

Say = Callable[[str], None]


def build_corpus(
    config: CorpusConfig, *, output_dir: Path, hub_dir: Path | None = None, say: Say = print
) -> Corpus:
    """The corpus of a configuration, built unless a run before has built it.

    It is built in a temporary folder and renamed: an interruption leaves nothing half-written,
    and what a killed process left there goes when the corpus is built. A lock, which the system
    gives free when its process ends, lets one process build while others wait. Where a file is
    not what was written, all of them are written again.

    Args:
        config: source, tokenizer and row length.
        output_dir: the corpus goes to a folder below `output_dir/corpora`.
        hub_dir: a folder that takes the hub's place.
        say: called with a line at each stage that takes long.

    Raises:
        ValueError: the source is missing, unreadable, empty or too small.
    """
    parent = output_dir / "corpora"
    parent.mkdir(parents=True, exist_ok=True)
    source = config.open(hub_dir=hub_dir, output_dir=output_dir)
    tokenizer = pretrained_fingerprint(config.tokenizer) if config.tokenizer != "bpe" else ""
    key = name_of(
        {"config": plain(config), "source": source.fingerprint, "tokenizer": tokenizer},
        source_hash("runners/corpora", "models/vocabulary.py"),
    )
    name = re.sub(r"[^\w.-]", "_", config.label)[-LONGEST_NAME:]
    folder = parent / f"{name}-{key}"
    with FileLock(str(folder) + ".lock"):
        if not _is_whole(folder, say):
            work = parent / f".building-{folder.name}"
            remove(work)
            work.mkdir()
            try:
                _build(source, config, work, say)
                write_manifest(work)
                put(work, folder)
            finally:
                remove(work)
    return Corpus(folder)


def _is_whole(folder: Path, say: Say) -> bool:
    """Whether it is there and each of its files is what was written."""
    if not folder.is_dir():
        return False
    problem = damage(folder) if (folder / MANIFEST).is_file() else f"{MANIFEST} is missing"
    if problem:
        say(f"the corpus {folder}: {problem}; it is built again")
    return not problem


def _build(source: Source, config: CorpusConfig, work: Path, say: Say) -> None:
    say(f"reading {config.label}{_in_brackets(source.notes)}")
    counts = write_splits(source, config, work)
    alone = source.alone() if _short_split(counts) else None
    if alone is not None:
        source = alone
        say(f"reading {config.label}{_in_brackets(source.notes)}")
        counts = write_splits(source, config, work)
    _check_size(config, counts, source, work)
    tokenizer, counts = _write_tokens(config, counts, work, say)
    _check_size(config, counts, source, work)
    card = _card(config, counts, tokenizer, work, list(source.notes))
    if card.unknown_share > MOST_UNKNOWN:
        raise ValueError(
            f"dataset.tokenizer: {config.tokenizer!r} knows next to nothing of {config.label}: "
            f"{card.unknown_share:.1%} of its tokens stand for unknown text, and from the rest "
            "nothing can be learned. Take one made for this language, or bpe, which is trained on "
            "the corpus"
        )
    if card.unknown_share > NOTABLE_UNKNOWN:
        say(f"{card.unknown_share:.1%} of the tokens stand for text that the tokenizer knows not")
    (work / "card.json").write_text(json.dumps(asdict(card), indent=1))


def _in_brackets(notes: Sequence[str]) -> str:
    return f" ({'; '.join(notes)})" if notes else ""


def _short_split(counts: SplitCounts) -> str:
    """The first split that has too few documents, or ""."""
    return next((split for split in SPLITS if counts.kept[split] < _needed(split)), "")


def _needed(split: str) -> int:
    return 1 if split == "train" else MIN_HELD_OUT_DOCUMENTS


def _check_size(config: CorpusConfig, counts: SplitCounts, source: Source, work: Path) -> None:
    split = _short_split(counts)
    if not split:
        return
    if not counts.read:
        blank = f", all {counts.blank:,} documents are blank" if counts.blank else ""
        raise ValueError(f"{config.label} is too small: it has no text{blank}; give documents")
    reasons = {
        "without text": counts.blank,
        "that repeat others": counts.repeats,
        "held out that training nearly has": counts.near_repeats,
        "of which the tokenizer makes no token": counts.tokenless,
    }
    left_out = ", ".join(f"{number:,} {why}" for why, number in reasons.items() if number)
    without = f", left out {left_out}," if left_out else ""
    documents = (d for each in SPLITS for batch in read_documents(work, each) for d in batch)
    sizes = Counter(document.group for document in documents)
    groups, more = "", "documents"
    advice = f" {config.advice}" if config.advice else ""
    if split not in source.splits and len(sizes) < sizes.total():
        groups = f" in {len(sizes):,} group(s), each whole on one side,"
        more = "groups"
        if plain(config).get("group_column"):
            advice = " dataset.group_column=null lets every row stand alone"
    raise ValueError(
        f"{config.label} is too small: {counts.read + counts.blank:,} documents{groups}{without} "
        f"leave {counts.kept[split]} for {split} (at least {_needed(split)} needed)"
        f"{_in_brackets(source.notes)}. Give more {more}, or raise dataset.validation_share and "
        f"dataset.test_share.{advice}"
    )


def _write_tokens(
    config: CorpusConfig, counts: SplitCounts, work: Path, say: Say
) -> tuple[TextTokenizer, SplitCounts]:
    """Write the token rows of every split; a document without a token is dropped."""
    if config.tokenizer == "bpe":
        say(f"training a tokenizer of {config.vocabulary_size} tokens")
        texts = (d.text for batch in read_documents(work, "train") for d in batch)
        tokenizer = train_bpe(texts, config.vocabulary_size)
    else:
        tokenizer = load_pretrained(config.tokenizer)
    say(f"tokenizing {sum(counts.kept.values()):,} documents")
    tokenizer.save(work)
    kept = {split: _write_rows(config, tokenizer, work, split) for split in SPLITS}
    tokenless = sum(counts.kept.values()) - sum(kept.values())
    return tokenizer, replace(counts, kept=kept, tokenless=tokenless)


def _write_rows(config: CorpusConfig, tokenizer: TextTokenizer, work: Path, split: str) -> int:
    size = config.sequence_length - 2
    pictures = 0
    keep: list[bool] = []  # of each document, whether it has a token
    document = 0
    with (
        closing(ShardWriter(work, split, tokenizer.vocabulary.size)) as writer,
        images_file(work, split).open("wb") as images,
    ):
        for batch in read_documents(work, split):
            encodings = tokenizer.encode([item.text for item in batch])
            for item, encoded in zip(batch, encodings, strict=True):
                if encoded.ids:
                    boundaries = first_row_boundaries(encoded, item, size)
                    pictures += bool(item.image)
                    image = pictures if item.image else 0
                    images.write(item.image)
                    for ids, num_bytes in chunk(encoded, item.text, size):
                        writer.add(
                            ids,
                            document=document,
                            num_bytes=num_bytes,
                            boundaries=boundaries,
                            image=image,
                        )
                        boundaries, image = (0, 0), 0
                    document += 1
                keep.append(bool(encoded.ids))
    if not pictures:
        images_file(work, split).unlink()
    writer.finish(images_file(work, split) if pictures else None)
    if not all(keep):
        drop_documents(work, split, keep)
    return document


def _card(
    config: CorpusConfig,
    counts: SplitCounts,
    tokenizer: TextTokenizer,
    work: Path,
    notes: list[str],
) -> CorpusCard:
    rows = {split: TokenRows(work, split) for split in SPLITS}
    size = tokenizer.vocabulary.size
    frequencies = {split: rows[split].token_counts(size) for split in SPLITS}
    smoothed = unigram_distribution(frequencies["train"], tokenizer.vocabulary)
    together = np.sum(list(frequencies.values()), axis=0)
    unknown = 0 if tokenizer.unknown_id is None else int(together[tokenizer.unknown_id])
    manifests: dict[str, Any] = {
        split: json.loads((work / f"{split}-shards.json").read_text()) for split in SPLITS
    }
    return CorpusCard(
        label=config.label,
        fingerprint=name_of({"rows": manifests, "tokenizer": tokenizer.fingerprint}, "", length=64),
        tokenizer=tokenizer.fingerprint,
        documents=counts,
        rows={split: len(rows[split]) for split in SPLITS},
        tokens={split: int(frequencies[split].sum()) for split in SPLITS},
        num_bytes={split: int(rows[split].table["num_bytes"].sum()) for split in SPLITS},
        pairs=int((rows["train"].table["second"] > 0).sum()),
        triplets=int((rows["train"].table["third"] > 0).sum()),
        images=int((rows["train"].table["image"] > 0).sum()),
        image_size=config.image_size if (rows["train"].table["image"] > 0).any() else 0,
        unigram_nats={
            split: float(-(count * np.log(smoothed)).sum() / max(count.sum(), 1))
            for split, count in frequencies.items()
        },
        vocabulary_size=size,
        sequence_length=config.sequence_length,
        unknown_share=unknown / max(int(together.sum()), 1),
        notes=notes,
        kind=type(config).__name__,
    )
