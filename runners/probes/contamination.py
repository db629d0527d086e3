"""Which runs of words of test texts stand in training text, whatever their case and signs."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from results.facts import COPIED, RUN_WORDS, RUNS_HELD, WITH_RUN
from runners.corpora.corpus import Corpus
from runners.corpora.splits import read_documents
from runners.probes.base import Task, without_zeros
from runners.probes.overlap import held, in_training

SHORTEST, LONGEST = 8, 13
"""Words of a run (Brown et al. 2020, appendix C): shorter ones are phrases that anybody writes."""

TYPICAL = 5
"""Per cent of the test texts that may be shorter than a run."""

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
_WORD = re.compile(r"\w+")
_WORD_OR_IDEOGRAPH = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+")
_END = np.uint64(hash(""))
"""Stands for no word, so that no run goes on from one text into the next."""

_POWERS = [np.uint64(pow(0xD1342543DE82EF95, k, 2**64)) for k in range(LONGEST)]
_BITS = 22


@dataclass(frozen=True)
class SharedRuns:
    """What of test texts stands in training text.

    Attributes:
        words: of a run.
        examples: (N,) bool, whether any run of an example stands there.
        count: of the runs of all examples.
        found: how many of them stand there.
    """

    words: int
    examples: np.ndarray
    count: int
    found: int


def words_of(text: str) -> list[str]:
    """In small letters and without signs; each ideograph is a word."""
    return (_WORD if text.isascii() else _WORD_OR_IDEOGRAPH).findall(text.lower())


def held_in_training(corpus: Corpus, task: Task) -> dict[str, Any]:
    """Facts of a task: how much of its test texts models are pretrained on.

    Args:
        corpus: that models are pretrained on.
        task: whose `tested` is looked for.
    """
    return _held(corpus, tuple(task.tested))


@lru_cache(maxsize=128)  # every record of a corpus and a probe says so
def _held(corpus: Corpus, examples: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    if not examples:
        return {}
    copied = in_training(corpus, [text for texts in examples for text in texts])
    owners = np.repeat(np.arange(len(examples)), [len(texts) for texts in examples])
    shared = shared_runs(examples, _training_words(corpus))
    return without_zeros(
        {
            RUN_WORDS: shared.words,
            COPIED: len(np.unique(owners[copied])) / len(examples),
            WITH_RUN: float(shared.examples.mean()),
            RUNS_HELD: shared.found / max(shared.count, 1),
        }
    )


def shared_runs(examples: Sequence[tuple[str, ...]], training: Iterable[np.ndarray]) -> SharedRuns:
    """Runs of words of test examples that training text has too.

    As for GPT-3 (Brown et al. 2020) a run has as many words as all but the shortest 5 % of the
    texts have, 8 at least and 13 at most; shorter texts have none. Runs are compared by 64-bit
    hashes: among a million runs and a thousand million words one is taken for another with a
    probability of 1 in 10,000.

    Args:
        examples: the texts of each.
        training: (words,) uint64 each, as `coded` makes them.
    """
    texts = [text for each in examples for text in each]
    owners = np.repeat(np.arange(len(examples)), [len(each) for each in examples])
    codes = coded(texts)
    lengths = np.diff(np.flatnonzero(codes == _END), prepend=-1) - 1  # words of each text
    width = int(np.clip(np.percentile(lengths, TYPICAL), SHORTEST, LONGEST)) if texts else SHORTEST
    runs = _runs(codes, width)
    text_of = np.repeat(np.arange(len(texts)), lengths + 1)  # of each word, and of its text's end
    starts = np.flatnonzero(
        (text_of[: len(runs)] == text_of[len(codes) - len(runs) :])
        & (codes[len(codes) - len(runs) :] != _END)
    )
    wanted, run_of = np.unique(runs[starts], return_inverse=True)
    is_found = _stand_in(wanted, width, training)[run_of]
    with_run = np.zeros(len(examples), dtype=bool)
    with_run[owners[text_of[starts[is_found]]]] = True
    return SharedRuns(width, with_run, len(starts), int(is_found.sum()))


def _stand_in(wanted: np.ndarray, width: int, training: Iterable[np.ndarray]) -> np.ndarray:
    """(N,) bool, which of sorted hashes of runs are those of runs of training text."""
    found = np.zeros(len(wanted), dtype=bool)
    is_near = np.zeros(1 << _BITS, dtype=bool)  # few words of training text begin a wanted run
    is_near[wanted >> np.uint64(64 - _BITS)] = True
    for codes in training if len(wanted) else ():
        runs = _runs(codes, width)
        runs = runs[is_near[runs >> np.uint64(64 - _BITS)]]
        places = np.minimum(np.searchsorted(wanted, runs), len(wanted) - 1)
        found[places[wanted[places] == runs]] = True
    return found


def coded(texts: Iterable[str]) -> np.ndarray:
    """(words + texts,) uint64, the words of texts one after the other, _END after each text.

    By Python's own 64-bit hash, which is the same within a process.
    """
    words = [word for text in texts for word in (*words_of(text), "")]
    return np.fromiter(map(hash, words), np.int64, len(words)).view(np.uint64)


@held
def _training_words(corpus: Corpus) -> Iterator[np.ndarray]:
    """Some thousand documents each."""
    for batch in read_documents(corpus.folder, "train"):
        yield coded(document.text for document in batch)


def _runs(codes: np.ndarray, width: int) -> np.ndarray:
    """(words - width + 1,) uint64, a hash of every run of `width` words; none of fewer."""
    count = max(len(codes) - width + 1, 0)
    hashes = np.zeros(count, np.uint64)
    for place in range(width if count else 0):
        hashes += codes[place : place + count] * _POWERS[place]  # modulo 2^64
    return hashes
