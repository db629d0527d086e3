"""A part of a probe's examples, to time the probe on."""

from collections.abc import Sequence
from functools import singledispatch
from typing import TypeVar

import numpy as np

from runners.corpora.prose import NaturalPairs
from runners.probes.base import Task
from runners.probes.classification import ClassificationTask
from runners.probes.labelled import Labelled
from runners.probes.minimal_pairs import MinimalPairsTask, SentencePairs
from runners.probes.retrieval import RetrievalTask
from runners.probes.similarity import ScoredPairs, SimilarityTask
from runners.probes.structure import StructureTask
from runners.probes.tagged import Tagged
from runners.probes.tagging import TaggingTask
from runners.probes.trees import Parsed
from runners.probes.word_order import WordOrderTask

T = TypeVar("T")

TO_TRAIN_ON, OF_A_CLASS, TO_TEST_ON = 256, 16, 32
"""A part has about so many examples, where the whole has them."""


def part_of(task: Task) -> tuple[Task, float]:
    """A smaller task, and how many times its work the whole task is."""
    share = min(1.0, _share(task))
    return _cut(task, share), 1 / share


def scores_texts(task: Task) -> bool:
    """Whether it asks for likelihoods, which some models take much longer over than others."""
    return isinstance(task, MinimalPairsTask | WordOrderTask)


@singledispatch
def _share(task: Task) -> float:
    return 1.0


@singledispatch
def _cut(task: Task, share: float) -> Task:
    return task


@_share.register
def _(task: ClassificationTask) -> float:
    wanted = max(TO_TRAIN_ON, OF_A_CLASS * len(set(task.train.labels)))
    return wanted / len(task.train.texts)


@_cut.register
def _(task: ClassificationTask, share: float) -> Task:
    train, test = (
        Labelled(*(_some(c, share) for c in (side.texts, side.labels, side.groups, side.seconds)))
        for side in (task.train, task.test.known)
    )
    return ClassificationTask(
        train, test, task._modes, task._recipe, score=task._score, seen=task._seen
    )


@_share.register
def _(task: MinimalPairsTask) -> float:
    return TO_TEST_ON / len(task.test.known.good)


@_cut.register
def _(task: MinimalPairsTask, share: float) -> Task:
    good, bad = _some(task.test.known.good, share), _some(task.test.known.bad, share)
    pairs = SentencePairs(good, bad, _some(task.test.known.kinds, share))
    training = _some(task._training, share)
    return MinimalPairsTask(pairs, training, seen=task._seen, more=task._more)


@_share.register
def _(task: WordOrderTask) -> float:
    return max(_share(task._pairs), _share(task._classified) if task._classified else 0.0)


@_cut.register
def _(task: WordOrderTask, share: float) -> Task:
    classified = _cut(task._classified, share) if task._classified else None
    pairs = _cut(task._pairs, share)
    assert isinstance(pairs, MinimalPairsTask)
    assert classified is None or isinstance(classified, ClassificationTask)
    return WordOrderTask(pairs, classified)


@_share.register
def _(task: RetrievalTask) -> float:
    return TO_TEST_ON / len(task.test.known)


@_cut.register
def _(task: RetrievalTask, share: float) -> Task:
    pairs = task.test.known
    columns = (pairs.summaries, pairs.bodies, pairs.groups)
    some = NaturalPairs(*(_some(column, share) for column in columns))
    return RetrievalTask(some, task._validation, seen=task._seen)


@_share.register
def _(task: TaggingTask) -> float:
    return TO_TRAIN_ON / len(task._train.words)


@_cut.register
def _(task: TaggingTask, share: float) -> Task:
    train, test = (
        Tagged(_some(side.words, share), _some(side.tags, share))
        for side in (task._train, task.test.known)
    )
    return TaggingTask(train, test, task._metric_name)


@_share.register
def _(task: StructureTask) -> float:
    return TO_TRAIN_ON / len(task._train.words)


@_cut.register
def _(task: StructureTask, share: float) -> Task:
    train, test = (
        Parsed(_some(side.words, share), _some(side.heads, share), _some(side.kept, share))
        for side in (task._train, task.test.known)
    )
    return StructureTask(train, test)


@_share.register
def _(task: SimilarityTask) -> float:
    return TO_TEST_ON / len(task.test.known.scores)


@_cut.register
def _(task: SimilarityTask, share: float) -> Task:
    test = task.test.known
    columns = (test.first, test.second, test.scores)
    return SimilarityTask(
        ScoredPairs(*(_some(column, share) for column in columns)),
        task._validation,
        seen=task._seen,
    )


def _some(items: Sequence[T], share: float) -> list[T]:
    """A share of a sequence: the same places of every sequence of that length."""
    if not items:  # the second texts of single ones
        return []
    order = np.random.default_rng(0).permutation(len(items))
    return [items[place] for place in sorted(order[: max(2, round(share * len(items)))])]
