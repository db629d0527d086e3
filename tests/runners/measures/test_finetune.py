from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from experiments import experiment, untrained_reader
from made_corpus import build, document

from models.blocks import Blocks
from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig
from runners.measures.finetune import FinetuneConfig, Labels, _students, finetune, learn
from runners.measures.linear import held_back
from runners.measures.read_once import ReadOnce, ReadWhileChoosingError
from runners.measures.text_model import TextModel
from runners.training.initial import initial_model
from runners.training.room import MemoryShortError
from runners.training.trainer import TrainerConfig


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(40)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    return build(tmp_path_factory.mktemp("own"), rows)


@pytest.mark.parametrize(
    ("spoilt", "learning_rate", "works"),
    [(False, 3e-4, True), (True, 3e-4, False), (False, 1e38, False)],
)
def test_a_model_that_gives_no_numbers_predicts_nothing(
    own: Corpus,
    trainer: TrainerConfig,
    tmp_path: Path,
    spoilt: bool,
    learning_rate: float,
    works: bool,
) -> None:
    dataset = LocalConfig(path="x", sequence_length=32)
    model = initial_model(experiment(None, dataset, tmp_path).recipe, own).eval()
    if spoilt:
        with torch.no_grad():
            model.backbone.token_embedding.weight[5:] = torch.nan
    read = TextModel(
        model, own, attention="causal", likelihood="causal", pooling="mean", trainer=trainer
    )
    texts = own.documents("train")["text"].tolist()
    config = FinetuneConfig(epochs=1, rows_per_update=40, learning_rates=(learning_rate,))
    found = finetune(
        read, Labels(texts, np.arange(40) % 2), lambda: texts[:5], config=config, seed=0
    )
    assert (found is not None) == works


class Spy:
    """A corpus that remembers what it was asked to put in rows."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus, self.read = corpus, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._corpus, name)

    def text_batches(self, texts: list[str], *, batch_size: int) -> Any:
        self.read.append(list(texts))
        return self._corpus.text_batches(texts, batch_size=batch_size)


@pytest.fixture
def learner(own: Corpus, trainer: TrainerConfig, tmp_path: Path) -> TextModel:
    return untrained_reader(own, trainer, tmp_path, attention="causal", likelihood="causal")


def test_rate_and_epochs_are_chosen_on_training_examples_and_the_test_is_read_once(
    learner: TextModel, own: Corpus
) -> None:
    words = ["raise", "return", "yield"]
    texts = [f"{words[i % 3]} value {i}" for i in range(150)]
    labels = np.arange(150) % 3
    spy = Spy(own)
    learner.corpus = spy  # type: ignore[assignment]
    # At the first rate nothing is learned, at the last nothing is left.
    config = FinetuneConfig(epochs=2, rows_per_update=8, learning_rates=(1e-9, 5e-3, 1e38))
    try:
        lesson = Labels(texts[:120], labels[:120])
        found = finetune(learner, lesson, lambda: texts[120:], config=config, seed=0)
    finally:
        learner.corpus = own
    assert found is not None
    assert found.note.startswith("rate 0.005, ")
    assert (found.predicted == labels[120:]).mean() > 0.9
    test = set(texts[120:])
    assert [bool(test & set(read)) for read in spy.read] == [False] * (len(spy.read) - 1) + [True]
    inner, held = held_back(labels[:120])
    sides = [{texts[i] for i in places} for places in (inner, held)]
    assert all(set(read) in sides for read in spy.read[:-1])
    assert not sides[0] & sides[1]


def test_examples_of_a_group_are_held_back_together() -> None:
    groups = [f"premise {i // 3}" for i in range(300)]
    inner, held = held_back(np.arange(300) % 3, groups)
    sides = [{groups[i] for i in places} for places in (inner, held)]
    assert not sides[0] & sides[1]
    assert len(held) == 60
    assert sorted([*inner, *held]) == list(range(300))


def test_what_is_chosen_follows_the_score(learner: TextModel) -> None:
    texts, labels = [f"value {i}" for i in range(60)], np.arange(60) % 2
    asked: list[int] = []

    def score(truth: np.ndarray, predicted: np.ndarray) -> float:
        asked.append(len(truth))
        return [0.5, 0.6, 0.6, 0.8, 0.7][len(asked) - 1]  # an epoch each, and two more of the best

    config = FinetuneConfig(epochs=3, rows_per_update=8, learning_rates=(1e-4, 1e-3, 2e-3))
    lesson = Labels(texts, labels, score=score)
    found = finetune(learner, lesson, lambda: texts, config=config, seed=0)
    assert found is not None
    assert found.note == "rate 0.001, 2 of 3 epochs"
    assert asked == [12] * 5


def test_the_weights_of_the_best_epoch_are_those_that_are_asked(learner: TextModel) -> None:
    texts, labels = [f"value {i % 7}" for i in range(60)], np.arange(60) % 2
    scores = iter([0.9, 0.1, 0.2, 0.3])  # the first epoch of the first rate
    lesson = Labels(texts, labels, score=lambda *_: next(scores))
    config = FinetuneConfig(epochs=3, rows_per_update=8, learning_rates=(1e-3, 1e-2))
    learned = learn(learner, lesson, config, 0)
    assert learned is not None
    assert learned.note == "rate 0.001, 1 of 3 epochs"
    inner, _ = held_back(labels)
    expected = next(_students(learner, lesson, inner, config, 1e-3, 0, [1]))
    assert expected is not None
    for name, value in expected.state_dict().items():
        assert torch.equal(learned.student.state_dict()[name], value)


def test_no_more_examples_than_are_asked_for_and_none_of_the_test(
    learner: TextModel, own: Corpus
) -> None:
    texts, labels = [f"value {i}" for i in range(60)], np.arange(60) % 2
    spy = Spy(own)
    learner.corpus = spy  # type: ignore[assignment]
    config = FinetuneConfig(epochs=1, learning_rates=(1e-4, 1e-3), max_examples=20)
    lesson = Labels(texts, labels)
    try:
        learn(learner, lesson, config, 0)
    finally:
        learner.corpus = own
    assert len({text for read in spy.read for text in read}) == 20
    with pytest.raises(ReadWhileChoosingError):
        learn(learner, ReadOnce(lesson), config, 0)  # type: ignore[arg-type]
    test = ReadOnce(texts)
    peeking = Labels(texts, labels, score=lambda *_: float(len(test.read())))
    with pytest.raises(ReadWhileChoosingError):
        learn(learner, peeking, config, 0)


@pytest.mark.parametrize(("first", "second"), [(3, 4), (40, 5), (5, 40), (40, 40)])
def test_pairs_share_a_row_and_the_longer_one_is_cut(own: Corpus, first: int, second: int) -> None:
    pair = (" ".join(["value"] * first), " ".join(["return"] * second))
    ((batch, places),) = own.text_batches([pair], batch_size=1)
    assert places == [0]
    ids = batch.input_ids[0][batch.attention_mask[0]].tolist()
    vocabulary = own.vocabulary
    assert (ids[0], ids[-1], ids.count(vocabulary.sep_id)) == (
        vocabulary.cls_id,
        vocabulary.sep_id,
        2,
    )
    middle = ids.index(vocabulary.sep_id)
    sides = own.tokenizer.encode(pair)
    kept = ids[1:middle], ids[middle + 1 : -1]
    for side, ids_of_side in zip(kept, sides, strict=True):
        assert side == ids_of_side.ids[: len(side)]
    room = own.card.sequence_length - 3
    wanted = [len(side.ids) for side in sides]
    while sum(wanted) > room:  # one token at a time off the longer one
        wanted[wanted[1] >= wanted[0]] -= 1
    assert abs(len(kept[0]) - wanted[0]) <= 1
    assert len(kept[0]) + len(kept[1]) == sum(wanted)


@pytest.mark.parametrize("rates", [(), (1e-3, 0.0)])
def test_rates_must_be_above_0(rates: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"learning_rates is .* all above 0"):
        FinetuneConfig(learning_rates=rates)


def short_of_memory(monkeypatch: pytest.MonkeyPatch, *, always: bool) -> list[bool]:
    """Training fails for want of memory: always, or unless activations are computed twice."""
    forward, tried = Blocks.forward, list[bool]()

    def limited(self: Blocks, *given: Any) -> Any:
        if self.training and torch.is_grad_enabled():
            tried.append(self._recomputes)
            if always or not self._recomputes:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return forward(self, *given)

    monkeypatch.setattr(Blocks, "forward", limited)
    return tried


def test_where_memory_is_short_activations_are_computed_twice_and_nothing_else_changes(
    own: Corpus, trainer: TrainerConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = own.documents("train")["text"].tolist()
    config = FinetuneConfig(epochs=2, rows_per_update=8, learning_rates=(1e-2,))
    found = []
    for is_short in (False, True):
        tried = short_of_memory(monkeypatch, always=False) if is_short else []
        reader = untrained_reader(own, trainer, tmp_path, attention="causal", likelihood="causal")
        learned = learn(reader, Labels(texts, np.arange(40) % 2), config, seed=0)
        assert learned is not None
        assert reader.recomputes is is_short
        found.append(learned.student.state_dict())
    assert tried == [False] + [True] * 10  # begun again once, and for good
    for name, value in found[0].items():
        assert torch.equal(value, found[1][name]), name


def test_an_update_that_never_fits_is_an_error_that_says_what_to_do(
    learner: TextModel, own: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = own.documents("train")["text"].tolist()
    short_of_memory(monkeypatch, always=True)
    with pytest.raises(MemoryShortError, match=r"32 examples .*finetune\.rows_per_update"):
        learn(learner, Labels(texts, np.arange(40) % 2), FinetuneConfig(), seed=0)
