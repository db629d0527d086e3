"""Fine-tuning on words: whose tokens are whose, and what is learned, chosen and read."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from experiments import untrained_reader

from models.batch import Attention
from runners.corpora.corpus import Corpus
from runners.measures.finetune import FinetuneConfig, Student, learn
from runners.measures.linear import share_right
from runners.measures.text_model import TextModel
from runners.measures.word_lesson import WordClasses
from runners.probes.tagging import Tagged, TaggingTask
from runners.training.trainer import TrainerConfig

WORDS = ("value", "raise", "array-like", "数组", "the")
RECIPE = FinetuneConfig(epochs=3, rows_per_update=8, learning_rates=(1e-9, 5e-3))


@pytest.fixture
def reader(corpus: Corpus, trainer: TrainerConfig, tmp_path: Path) -> TextModel:
    return untrained_reader(corpus, trainer, tmp_path)


def sentences(count: int, seed: int) -> list[tuple[str, ...]]:
    generator = np.random.default_rng(seed)
    return [tuple(generator.choice(WORDS, generator.integers(1, 9))) for _ in range(count)]


def test_the_loss_is_that_of_each_words_mean(reader: TextModel, corpus: Corpus) -> None:
    some = sentences(5, seed=0)
    classes = np.concatenate([[WORDS.index(word) for word in words] for words in some])
    lesson = WordClasses(some, classes, share_right)
    student = Student(reader, lesson, seed=0).eval()
    (batch,) = lesson.batches(student, np.array([3, 0, 4]), size=8)
    losses = []
    for place in (3, 0, 4):
        text = " ".join(some[place])
        (encoded,) = corpus.tokenizer.encode([text])
        rows = corpus.batch([encoded.ids])
        states = student.backbone(rows, attention=Attention("bidirectional")).last[0, 1:-1]
        begin = 0
        for word in some[place]:
            end, first = begin + len(word), begin - 1 if begin else 0
            own = [i for i, start in enumerate(encoded.starts) if first <= start < end]
            logits = student.head(states[own].mean(0))
            losses.append(F.cross_entropy(logits, torch.tensor(WORDS.index(word))))
            begin = end + 1
    expected = torch.stack(losses).mean()
    torch.testing.assert_close(lesson.loss(student, batch), expected, rtol=1e-4, atol=1e-5)


def test_what_stands_elsewhere_in_the_sentence_is_learned(reader: TextModel) -> None:
    """All words of a sentence have its first word's class, so that a head alone cannot know it."""

    def classes(some: list[tuple[str, ...]]) -> np.ndarray:
        return np.concatenate([[WORDS.index(words[0])] * len(words) for words in some])

    train, test = sentences(300, seed=1), sentences(60, seed=2)
    lesson = WordClasses(train, classes(train), share_right)
    learned = learn(
        reader, lesson, FinetuneConfig(epochs=6, rows_per_update=8, learning_rates=(5e-3,)), 0
    )
    assert learned is not None
    predicted = lesson.predict(learned.student, test)
    assert predicted is not None
    assert (predicted == classes(test)).mean() > 0.9


def test_a_fine_tuned_tagging_chooses_before_it_reads_the_test_once(
    reader: TextModel, corpus: Corpus
) -> None:
    kinds = {word: f"kind {place % 3}" for place, word in enumerate(WORDS)}
    long = tuple("value" for _ in range(2 * corpus.card.sequence_length))
    sides = [[*sentences(80, seed=3), ("value",) * 9], [*sentences(20, seed=4), long]]
    tagged = [Tagged(side, [tuple(kinds[w] for w in words) for words in side]) for side in sides]
    task = TaggingTask(*tagged, "accuracy", modes=("finetuned", "frozen"), recipe=RECIPE)
    frozen, finetuned = task.measure(reader, seed=0)
    assert [m.metric.name for m in (frozen, finetuned)] == [
        "accuracy_frozen",
        "accuracy_finetuned",
    ]
    assert [m.reads for m in (frozen, finetuned)] == [1, 1]
    assert finetuned.note.startswith("rate 0.005, ")
    # Words past the row's end have the commonest tag, which is that of `value`.
    assert finetuned.value == 1.0
    assert finetuned.examples is not None
    assert len(finetuned.examples) == sum(map(len, sides[1]))
    for row in task.baselines().values():
        assert [m.metric for m in row] == [frozen.metric, finetuned.metric]


def test_what_diverges_has_no_figure(reader: TextModel) -> None:
    tagged = Tagged(sentences(20, seed=5), [])
    tagged.tags.extend(tuple("AB"[len(w) % 2] for w in words) for words in tagged.words)
    recipe = FinetuneConfig(epochs=1, learning_rates=(1e38,))
    task = TaggingTask(tagged, tagged, "accuracy", modes=("finetuned",), recipe=recipe)
    (found,) = task.measure(reader, seed=0)
    assert (found.value, found.note) == (None, "fine-tuning diverged")
