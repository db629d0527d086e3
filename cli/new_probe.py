"""What `compare new probe` writes: a small real probe, its YAML and its test."""

MODULE = '''\
"""Has a word been left out of a sentence? A template to change."""

from dataclasses import dataclass
from pathlib import Path

from models.initialization import seed_of
from results.facts import LEFT_OUT
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.measures.finetune import FinetuneConfig
from runners.probes.base import NotApplicableError, Probe, Task
from runners.probes.classification import ClassificationTask
from runners.probes.labelled import Labelled
from runners.probes.scores import metrics_of
from runners.probes.sentences import clean_sentences, held_out

MODES = ("frozen",)
"""How a model is read: a linear layer on its frozen vectors. "knn" and "finetuned" are others."""

FEWEST = 20
"""Examples of a side; fewer say nothing."""


@dataclass(frozen=True, kw_only=True)
class CLASS(Probe):
    """The corpus's own sentences, half of them without one of their words.

    Attributes:
        train, test: examples; of a sentence there is only one form.
        longest: words of a sentence.
    """

    train: int = 2000
    test: int = 500
    longest: int = 25

    def __post_init__(self) -> None:
        """Refuse what cannot be, and say what would be right."""
        for name in ("train", "test"):
            if getattr(self, name) < FEWEST:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {FEWEST}")

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Accuracy, by mode; the first is the primary one."""
        return metrics_of("accuracy", MODES)

    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take sentences, those to test on only where training text does not have them."""
        training = clean_sentences(corpus, "train", longest=self.longest)
        testing, repeated = held_out(corpus, clean_sentences(corpus, "test", longest=self.longest))
        if min(len(training), len(testing)) < FEWEST:
            raise NotApplicableError(
                f"{corpus.card.label} has {len(training)} sentences to train on and {len(testing)} "
                f"to test on; {FEWEST} of each are needed"
            )
        return ClassificationTask(
            examples(training, self.train),
            examples(testing, self.test),
            MODES,
            FinetuneConfig(),
            seen=corpus.seen,
            known={LEFT_OUT: repeated},
        )


def without_a_word(sentence: str) -> str:
    """A sentence of three words or more without one of those inside it.

    Which one follows from the sentence itself, so that every process takes the same.
    """
    words = sentence.split()
    place = 1 + seed_of("left out", sentence) % (len(words) - 2)
    return " ".join(words[:place] + words[place + 1 :])


def examples(found: dict[str, str], count: int) -> Labelled:
    """At most so many sentences, by turns whole and cut.

    Args:
        found: sentences, and the group of each: what comes of one group stays together.
        count: of examples.
    """
    chosen = list(found.items())[:count]
    labels = ["cut" if place % 2 else "whole" for place in range(len(chosen))]
    texts = [
        without_a_word(sentence) if label == "cut" else sentence
        for (sentence, _), label in zip(chosen, labels, strict=True)
    ]
    return Labelled(texts, labels, [group for _, group in chosen])
'''

YAML = """\
# @package probes.NAME
# Has a word been left out of a sentence? A template to change.
kind: NAME
train: 2000 # examples, half of them cut
test: 500 # the same
longest: 25 # words of a sentence
"""

TEST = '''\
"""NAME.py: what it makes of sentences, and the task that it makes of a small corpus."""

import json
import random
import sys
from pathlib import Path

import pytest
import yaml

from models.registry import find
from runners.corpora.building import build_corpus
from runners.corpora.local import LocalConfig
from runners.probes.base import PROBES

FOLDER = Path(__file__).parent
VALUES = yaml.safe_load((FOLDER / "probe" / "NAME.yaml").read_text())
PROBE = find(PROBES, VALUES.pop("kind"), [FOLDER / "NAME.py"])
MODULE = sys.modules[PROBE.__module__]


def made_sentences(count, seed):
    drawn = random.Random(seed)
    words = ["".join(drawn.choices("aeioulmnrst", k=drawn.randint(3, 8))) for _ in range(300)]
    return [" ".join(drawn.choices(words, k=9)).capitalize() + "." for _ in range(count)]


def test_one_word_inside_is_left_out():
    for sentence in made_sentences(50, seed=0):
        words, cut = sentence.split(), MODULE.without_a_word(sentence).split()
        possible = [words[:place] + words[place + 1 :] for place in range(1, len(words) - 1)]
        assert cut in possible


def test_half_of_the_examples_are_cut():
    sentences = made_sentences(30, seed=0)
    found = MODULE.examples(dict.fromkeys(sentences, "group"), 20)
    assert found.labels.count("cut") == found.labels.count("whole") == 10
    for text, label, sentence in zip(found.texts, found.labels, sentences, strict=False):
        assert (text == sentence) == (label == "whole")


def test_a_task_of_a_small_corpus(tmp_path):
    (tmp_path / "data").mkdir()
    for seed, split in enumerate(("train", "validation", "test")):
        lines = [json.dumps({"text": sentence}) for sentence in made_sentences(80, seed)]
        (tmp_path / "data" / f"{split}.jsonl").write_text("\\n".join(lines))
    config = LocalConfig(path=str(tmp_path / "data"), sequence_length=64, vocabulary_size=512)
    corpus = build_corpus(config, output_dir=tmp_path, say=lambda line: None)
    probe = PROBE(name="NAME", **VALUES)
    tasks = [probe.load(corpus, hub_dir=None, cache_dir=tmp_path) for _ in range(2)]
    assert tasks[0].fingerprint == tasks[1].fingerprint
    (majority,) = tasks[0].baselines()["majority class"]
    assert majority.metric == probe.metrics[0]
    assert majority.value == pytest.approx(0.5, abs=0.01)
'''
