"""What can go wrong, done for real: a file for each kind of fault."""

import os

import pytest
from lives import EPOCH, UPDATE
from made_corpus import build, document

from runners.corpora.corpus import Corpus


@pytest.fixture(scope="session")
def whole() -> bool:
    """Whether every fault is tried as often as `make faults` does, and not in its short form."""
    return os.environ.get("COMPARE_FAULTS") == "whole"


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A corpus of 99 rows to train on: nine updates of 11 are an epoch."""
    texts = {
        split: [{"text": document(1000 * number + i)} for i in range(16)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    corpus = build(tmp_path_factory.mktemp("rows"), texts)
    assert corpus.card.rows["train"] == UPDATE * EPOCH
    return corpus
