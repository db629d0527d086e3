"""From a source to a corpus on disk: split, tokenized, written once and named by its content."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from runners.corpora.corpus import Corpus, CorpusCard, unigram_distribution
from runners.corpora.document import SPLITS, CorpusConfig
from runners.corpora.images import images_file
from runners.corpora.shards import ShardWriter, TokenRows
from runners.corpora.splits import SplitCounts, read_documents, write_splits
from runners.corpora.tokenizer import (
    TextTokenizer,
    chunk,
    first_row_boundaries,
    load_pretrained,
    pretrained_fingerprint,
    train_bpe,
)
from runners.identity import name_of, source_hash

MIN_HELD_OUT_DOCUMENTS = 8

Say = Callable[[str], None]


def build_corpus(
    config: CorpusConfig, *, output_dir: Path, hub_dir: Path | None = None, say: Say = print
) -> Corpus:
    """The corpus of a configuration, built unless a run before has built it.

    It is built in a temporary folder and renamed: an interruption leaves nothing half-written.
    A lock lets one process build while others wait.

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
    source = config.open(hub_dir=hub_dir, cache_dir=parent / "hub")
    tokenizer = pretrained_fingerprint(config.tokenizer) if config.tokenizer != "bpe" else ""
    key = name_of(
        {"config": asdict(config), "source": source.fingerprint, "tokenizer": tokenizer},
        source_hash("runners/corpora", "models/vocabulary.py"),
    )
    folder = parent / f"{config.label.replace('/', '_').replace(':', '_')}-{key}"
    with FileLock(str(folder) + ".lock"):
        if not (folder / "card.json").is_file():
            with tempfile.TemporaryDirectory(dir=parent, prefix=".building-") as temporary:
                work = Path(temporary) / "corpus"
                work.mkdir()
                say(f"reading {config.label}")
                counts = write_splits(source, config, work)
                _check_size(config, counts)
                _write_tokens(config, counts, work, say)
                shutil.rmtree(folder, ignore_errors=True)
                os.replace(work, folder)
    return Corpus(folder)


def _check_size(config: CorpusConfig, counts: SplitCounts) -> None:
    for split in SPLITS:
        needed = 1 if split == "train" else MIN_HELD_OUT_DOCUMENTS
        if counts.kept[split] < needed:
            raise ValueError(
                f"{config.label} is too small: {counts.read} documents, of which "
                f"{counts.repeats + counts.near_repeats} are repeats, leave {counts.kept[split]} "
                f"for {split} (at least {needed} needed). Give more documents, raise "
                "dataset.validation_share and dataset.test_share, or, for one long .txt file, "
                "try dataset.unit=line"
            )


def _write_tokens(config: CorpusConfig, counts: SplitCounts, work: Path, say: Say) -> None:
    if config.tokenizer == "bpe":
        say(f"training a tokenizer of {config.vocabulary_size} tokens")
        texts = (d.text for batch in read_documents(work, "train") for d in batch)
        tokenizer = train_bpe(texts, config.vocabulary_size)
    else:
        tokenizer = load_pretrained(config.tokenizer)
    say(f"tokenizing {sum(counts.kept.values()):,} documents")
    tokenizer.save(work)
    for split in SPLITS:
        writer = ShardWriter(work, split, tokenizer.vocabulary.size)
        document = pictures = 0
        with images_file(work, split).open("wb") as images:
            for batch in read_documents(work, split):
                encodings = tokenizer.encode([item.text for item in batch])
                for item, encoded in zip(batch, encodings, strict=True):
                    size = config.sequence_length - 2
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
        if not pictures:
            images_file(work, split).unlink()
        writer.finish(images_file(work, split) if pictures else None)
    card = _card(config, counts, tokenizer, work)
    (work / "card.json").write_text(json.dumps(asdict(card), indent=1))


def _card(
    config: CorpusConfig, counts: SplitCounts, tokenizer: TextTokenizer, work: Path
) -> CorpusCard:
    rows = {split: TokenRows(work, split) for split in SPLITS}
    size = tokenizer.vocabulary.size
    frequencies = {split: rows[split].token_counts(size) for split in SPLITS}
    smoothed = unigram_distribution(frequencies["train"], tokenizer.vocabulary)
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
    )
