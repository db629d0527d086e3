"""On real data: good vectors pass the simple methods, and shuffled labels teach nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from runners.configuration.build import pick
from runners.corpora.corpus import Corpus
from runners.measures.finetune import FinetuneConfig
from runners.measures.readouts import States
from runners.probes.base import PROBES, shuffled
from runners.probes.classification import ClassificationTask
from runners.probes.similarity import SimilarityTask
from runners.probes.tables import TableProbe
from runners.probes.tagging import TaggingTask

CONF = Path(__file__).parents[3] / "conf" / "probe"
CLASSIFICATIONS = ("sst2", "mrpc", "snli", "probing_tense", "probing_tree_depth")
FEW = 600
SHARE = 0.95
"""Of the vectors, how many say the class that a text has."""


def loaded(name: str, corpus: Corpus, hub_dir: Path, cache: Path) -> Any:
    values = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    probe = pick(PROBES, {**values, "name": name}, f"probes.{name}")
    assert isinstance(probe, TableProbe)
    few = replace(probe, max_train=FEW, max_test=FEW)
    return few.load(corpus, hub_dir=hub_dir, cache_dir=cache)


class Knower:
    """Stands for a model whose vectors tell the answer, of most examples, among noise."""

    layers = 0

    def __init__(self, answers: dict[int, list[str]], width: int = 16) -> None:
        self._answers = answers  # by the list that a task gives
        self._names = sorted({name for names in answers.values() for name in names})
        self._generator = np.random.default_rng(0)
        self._width = max(width, len(self._names))

    def states(self, texts: list[str]) -> States:
        vectors = self._generator.normal(size=(len(texts), self._width)).astype(np.float32)
        told = [self._names.index(name) for name in self._answers.get(id(texts), [])]
        known = self._generator.random(len(told)) < SHARE
        vectors[np.flatnonzero(known), np.array(told, dtype=int)[known]] += 6.0
        return States(vectors[None, None], 0)


@pytest.mark.parametrize("name", CLASSIFICATIONS)
def test_classes(name: str, corpus: Corpus, hub_dir: Path, tmp_path: Path) -> None:
    task = loaded(name, corpus, hub_dir, tmp_path)
    train, test = task.train, task.test.known
    simple = {row: found[0].value for row, found in task.baselines().items()}
    best = max(simple.values())

    def value(task: ClassificationTask) -> float:
        knower: Any = Knower({id(side.sides[-1]): side.labels for side in (train, test)})
        (found,) = [m for m in task.measure(knower, seed=0) if m.metric.name.endswith("_frozen")]
        assert found.value is not None
        assert found.reads == 1
        return found.value

    def again(labels: list[str]) -> ClassificationTask:
        return ClassificationTask(
            replace(train, labels=labels), test, ("frozen",), FinetuneConfig(), score=task._score
        )

    assert value(again(train.labels)) > max(best + 0.05, 0.9 * SHARE)
    majority = simple["majority class"]
    assert abs(value(again(shuffled(np.array(train.labels)).tolist())) - majority) < 0.15
    assert abs(simple["shuffled labels"] - majority) < 0.12


def test_similarity(corpus: Corpus, hub_dir: Path, tmp_path: Path) -> None:
    task = loaded("stsb", corpus, hub_dir, tmp_path)
    assert isinstance(task, SimilarityTask)
    assert task._validation is not None

    class Angles:
        """Second texts lie at an angle that falls with the score."""

        layers = 0

        def states(self, texts: list[str]) -> States:
            angles = np.zeros(len(texts))
            for pairs in (task.test.known, task._validation):
                if texts is pairs.second:
                    angles = np.pi / 4 * (5 - np.array(pairs.scores)) / 5
            found = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
            return States(found[None, None], 0)

    knower: Any = Angles()
    (found,) = task.measure(knower, seed=0)
    simple = {row: measured[0].value for row, measured in task.baselines().items()}
    assert simple["TF-IDF"] == pytest.approx(0.755, abs=0.04)  # of those that are taken
    assert found.value is not None
    assert found.value > 0.99
    assert abs(simple["shuffled labels"] or 1.0) < 0.1


@pytest.mark.parametrize("name", ["ewt_pos", "wnut17"])
def test_tags(name: str, corpus: Corpus, hub_dir: Path, tmp_path: Path) -> None:
    task = loaded(name, corpus, hub_dir, tmp_path)
    assert isinstance(task, TaggingTask)
    task = TaggingTask(task._train, task.test.known, task._metric_name)  # frozen

    class Words:
        layers = 0

        def __init__(self, task: TaggingTask) -> None:
            self._sides = {id(s.words): s.tags for s in (task._train, task.test.known)}

        def word_states(self, sentences: Any) -> tuple[States, np.ndarray]:
            tags = [tag for tags in self._sides[id(sentences)] for tag in tags]
            names = sorted({t for given in self._sides.values() for each in given for t in each})
            told = np.eye(len(names), dtype=np.float32)[[names.index(tag) for tag in tags]]
            return States(told[None, None], 0), np.ones(len(tags), dtype=bool)

    knower: Any = Words(task)
    (found,) = task.measure(knower, seed=0)
    simple = {row: measured[0].value for row, measured in task.baselines().items()}
    assert found.value is not None
    assert found.value > max(0.95, *(value for value in simple.values() if value is not None))
    assert (simple["shuffled labels"] or 0.0) < (simple["majority tag"] or 0.0) + 0.05
