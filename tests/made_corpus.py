"""A small corpus of one's own, of sentences made of made-up words: seconds to build."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig

CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def sentence(generator: np.random.Generator, words: int) -> str:
    """Clean prose: small letters after the first, and a full stop."""
    made = [
        "".join(
            f"{CONSONANTS[generator.integers(14)]}{VOWELS[generator.integers(5)]}"
            for _ in range(generator.integers(1, 4))
        )
        for _ in range(words)
    ]
    return " ".join(made).capitalize() + "."


def document(seed: int) -> str:
    """A summary, a body of two sentences, and four more that do not belong to it."""
    generator = np.random.default_rng(seed)
    parts = [sentence(generator, int(generator.integers(7, 12))) for _ in range(7)]
    return f"{parts[0]}\n\n{parts[1]} {parts[2]}\n\nExamples:\n\n{' '.join(parts[3:])}"


def build(folder: Path, rows: Mapping[str, list[dict[str, Any]]], **settings: Any) -> Corpus:
    """A corpus of the rows of each split."""
    data = folder / "data"
    data.mkdir()
    for split, made in rows.items():
        lines = "".join(json.dumps(row) + "\n" for row in made)
        (data / f"{split}.jsonl").write_text(lines)
    config = LocalConfig(
        path=str(data), **{"sequence_length": 32, "vocabulary_size": 600, **settings}
    )
    return build_corpus(config, output_dir=folder / "out", say=lambda line: None)
