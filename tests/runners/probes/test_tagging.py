"""Words get the vectors of their own tokens, and entities are counted as conlleval counts them."""

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from experiments import untrained_reader

from models.batch import Attention
from runners.corpora.corpus import Corpus
from runners.measures.readouts import States
from runners.measures.text_model import TextModel
from runners.probes.entities import entities
from runners.probes.tagging import Tagged, TaggingTask
from runners.training.trainer import TrainerConfig

SENTENCES = [
    ("Returns", "the", "value", "of", "an", "array-like", "."),
    ("Raise", "it"),
    ("unbelievably",),
    ("é", "数组", "x" * 40, "the", "end"),
]


@pytest.fixture
def reader(corpus: Corpus, trainer: TrainerConfig, tmp_path: Path) -> TextModel:
    return untrained_reader(corpus, trainer, tmp_path)


def test_a_word_has_the_mean_of_its_own_tokens(reader: TextModel, corpus: Corpus) -> None:
    found, is_read = reader.word_states(SENTENCES)
    assert is_read.all()
    assert found.values.shape[:3] == (1, reader.layers + 1, sum(map(len, SENTENCES)))
    word = 0
    for words in SENTENCES:
        text = " ".join(words)
        (encoded,) = corpus.tokenizer.encode([text])
        batch = corpus.batch([encoded.ids])
        with torch.no_grad():
            last = reader.model.backbone(batch, attention=Attention("bidirectional")).last[0, 1:-1]
        begin = 0
        for each in words:
            end = begin + len(each)
            # A token with the space before the word starts one character early.
            first = begin - 1 if begin else 0
            own = [i for i, start in enumerate(encoded.starts) if first <= start < end]
            expected = last[own].mean(0).numpy()
            np.testing.assert_allclose(found.values[0, -1, word], expected, atol=1e-5)
            begin, word = end + 1, word + 1


def test_words_past_the_longest_row_are_told(reader: TextModel, corpus: Corpus) -> None:
    words = tuple("value" for _ in range(2 * corpus.card.sequence_length))
    found, is_read = reader.word_states([("one",), words, ("two",)])
    assert is_read[0]
    assert is_read[-1]
    assert not is_read[-2]
    assert is_read[1]
    assert (found[~is_read].values == 0).all()
    tags = [("A",), ("A", "B") * corpus.card.sequence_length, ("B",)]
    task = TaggingTask(
        Tagged([("one",), words, ("two",)], tags), Tagged([words], tags[1:2]), "accuracy"
    )
    (measured,) = task.evaluate(reader, seed=0)
    assert measured.note.endswith(f"{(~is_read).sum()} words past the row's end")


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O O", []),
        ("B-a I-a O B-a", [("a", 0, 2), ("a", 3, 4)]),
        ("B-a B-a I-b", [("a", 0, 1), ("a", 1, 2), ("b", 2, 3)]),
        ("I-a I-a B-b I-a", [("a", 0, 2), ("b", 2, 3), ("a", 3, 4)]),
        ("O I-a O I-b I-b", [("a", 1, 2), ("b", 3, 5)]),
    ],
)
def test_entities(tags: str, found: list[tuple[str, int, int]]) -> None:
    assert list(entities(tags.split())) == found


class Teller:
    """Stands for a model whose vectors say which tag a word has."""

    layers = 0

    def __init__(self, tags: dict[str, int]) -> None:
        self._tags = tags

    def word_states(self, sentences: Any) -> tuple[States, np.ndarray]:
        places = [self._tags[word] for word in chain(*sentences)]
        told = np.eye(len(self._tags), dtype=np.float32)[places]
        return States(told[None, None], 0), np.ones(len(places), bool)


@pytest.mark.parametrize("metric", ["accuracy", "entity_f1"])
def test_good_vectors_tag_well_and_simple_methods_stand_beside_them(metric: str) -> None:
    generator = np.random.default_rng(0)
    kinds = {"is": "O", "Ada": "B-person", "Byron": "I-person", "Rome": "B-place"}
    sides = []
    for count in (60, 20):
        words = [tuple(generator.choice(list(kinds), 6).tolist()) for _ in range(count)]
        sides.append(Tagged(words, [tuple(kinds[word] for word in each) for each in words]))
    task = TaggingTask(sides[0], sides[1], metric)
    model: Any = Teller({word: place for place, word in enumerate(kinds)})
    assert [m.value for m in task.evaluate(model, seed=0)] == [1.0]
    found = {name: measured[0].value for name, measured in task.baselines().items()}
    assert found["commonest tag of the word"] == 1.0
    if metric == "accuracy":
        train_tags, tags = (list(chain(*side.tags)) for side in sides)
        commonest = max(kinds.values(), key=train_tags.count)
        assert found["majority tag"] == pytest.approx(tags.count(commonest) / len(tags))
    # Tags drawn without regard to the words fall to the commonest.
    every = generator.permutation(list(chain(*sides[0].tags))).reshape(-1, 6)
    drawn = [tuple(tags) for tags in every.tolist()]
    shuffled = Tagged(sides[0].words, drawn)
    (blind,) = TaggingTask(shuffled, sides[1], metric).evaluate(model, seed=0)
    assert blind.value is not None
    assert blind.value < 0.6


def test_the_facts_of_tagged_sentences() -> None:
    train = Tagged([("a", "b"), ("c",)], [("X", "Y"), ("X",)])
    test = Tagged([("a", "b"), ("d", "e")], [("X", "Y"), ("Z", "X")])
    facts = TaggingTask(train, test, "accuracy").facts
    assert facts["test words that training sentences lack"] == 0.5
    assert facts["test sentences that are training sentences too"] == 1
    assert facts["tags of test words that training lacks, which no model can get right"] == 1
