import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import MASKED, save_checkpoint, save_tokenizer, untouched
from experiments import experiment
from made_corpus import build, document

from models.batch import Attention
from objectives.base import TrainModel
from runners.corpora.corpus import Corpus
from runners.corpora.pydocs import PydocsConfig
from runners.measures.finetune import FinetuneConfig, Labels, finetune
from runners.measures.text_model import TextModel
from runners.training.initial import initial_model
from runners.training.trainer import TrainerConfig

TEXTS = ["Return the value.", "A much longer text, of which there are many words.", "x"]


@pytest.fixture
def model(
    corpus: Corpus, small_pydocs: PydocsConfig, trainer: TrainerConfig, tmp_path
) -> TrainModel:  # type: ignore[no-untyped-def]
    return initial_model(experiment(None, small_pydocs, tmp_path).recipe, corpus).eval()


def pretrained(
    model: TrainModel,
    corpus: Corpus,
    trainer: TrainerConfig,
    likelihood: str,
    passes: int = 0,
    *,
    within_word: bool = False,
) -> TextModel:
    kind = "causal" if likelihood == "causal" else "bidirectional"
    return TextModel(
        model,
        corpus,
        attention=kind,
        likelihood=likelihood,  # type: ignore[arg-type]
        pooling="mean",
        trainer=trainer,
        passes=passes,
        within_word=within_word,
    )


def ids_of(corpus: Corpus, text: str) -> list[int]:
    return corpus.tokenizer.encode([text])[0].ids


def log_probabilities(model: TrainModel, corpus: Corpus, ids: list[int], kind: str) -> torch.Tensor:
    batch = corpus.batch([ids])
    hidden = model.backbone(batch, attention=Attention(kind)).last[0]  # type: ignore[arg-type]
    logits = model.heads["lm"](hidden, model.backbone.token_embedding.weight)
    return logits.log_softmax(-1)


@torch.no_grad()
def test_causal_likelihood_is_a_plain_loop(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig
) -> None:
    found = pretrained(model, corpus, trainer, "causal").log_likelihood(TEXTS)
    assert found is not None
    for text, total in zip(TEXTS, found, strict=True):
        ids = ids_of(corpus, text)
        table = log_probabilities(model, corpus, ids, "causal")
        expected = sum(float(table[place, token]) for place, token in enumerate(ids))
        assert total == pytest.approx(expected, abs=1e-3)


@torch.no_grad()
def test_pseudo_likelihood_masks_one_token_at_a_time(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig
) -> None:
    found = pretrained(model, corpus, trainer, "pseudo").log_likelihood(TEXTS)
    assert found is not None
    for text, total in zip(TEXTS, found, strict=True):
        ids = ids_of(corpus, text)
        expected = 0.0
        for place, token in enumerate(ids):
            masked = [*ids[:place], corpus.vocabulary.mask_id, *ids[place + 1 :]]
            table = log_probabilities(model, corpus, masked, "bidirectional")
            expected += float(table[place + 1, token])
        assert total == pytest.approx(expected, abs=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("passes", [0, 3])
def test_the_rest_of_a_word_is_hidden_with_its_token(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig, passes: int
) -> None:
    texts = [*TEXTS, "unbelievably multidimensional arrays, xyzzyqwerty re-raises."]
    read = pretrained(model, corpus, trainer, "pseudo", passes, within_word=True)
    found = read.log_likelihood(texts)
    assert found is not None
    tokens, hid = corpus.vocabulary.tokens, 0
    for text, total in zip(texts, found, strict=True):
        ids = ids_of(corpus, text)
        words = [0]
        for last, token in itertools.pairwise(ids):
            goes_on = tokens[last][-1:].isalnum() and tokens[token][:1].isalnum()
            words.append(words[-1] + (not goes_on))
        expected = 0.0
        for one in range(passes or len(ids)):
            scored = [i for i in range(len(ids)) if (i + 1) % (passes or len(ids)) == one]
            hidden = {
                i
                for i in range(len(ids))
                for s in scored
                if s == i or (s < i and words[s] == words[i])
            }
            hid += len(hidden) - len(scored)
            masked = [corpus.vocabulary.mask_id if i in hidden else t for i, t in enumerate(ids)]
            table = log_probabilities(model, corpus, masked, "bidirectional")
            expected += sum(float(table[place + 1, ids[place]]) for place in scored)
        assert total == pytest.approx(expected, abs=1e-3)
    assert hid > 5


@torch.no_grad()
@pytest.mark.parametrize("passes", [2, 6, 1000])
def test_pseudo_likelihood_in_few_passes_masks_every_so_manieth(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig, passes: int
) -> None:
    found = pretrained(model, corpus, trainer, "pseudo", passes).log_likelihood(TEXTS)
    assert found is not None
    for text, total in zip(TEXTS, found, strict=True):
        ids = ids_of(corpus, text)
        expected = 0.0
        for one in range(passes):
            hidden = [place for place in range(len(ids)) if (place + 1) % passes == one]
            if not hidden:
                continue
            masked = [
                corpus.vocabulary.mask_id if i in hidden else token for i, token in enumerate(ids)
            ]
            table = log_probabilities(model, corpus, masked, "bidirectional")
            expected += sum(float(table[place + 1, ids[place]]) for place in hidden)
        assert total == pytest.approx(expected, abs=1e-3)


def test_vectors_come_in_the_order_of_the_texts(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig
) -> None:
    wrapped = pretrained(model, corpus, trainer, "causal")
    together = wrapped.embed(TEXTS)
    for place, text in enumerate(TEXTS):
        np.testing.assert_allclose(together[place], wrapped.embed([text])[0], atol=1e-5)


def test_a_model_without_a_token_head_has_no_likelihood(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig
) -> None:
    assert pretrained(model, corpus, trainer, "none").log_likelihood(TEXTS) is None


def test_fine_tuning_learns_and_leaves_the_model_alone(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig
) -> None:
    wrapped = pretrained(model, corpus, trainer, "causal")
    texts = [f"{'return' if i % 2 else 'raise'} value {i}" for i in range(160)]
    labels = np.arange(160) % 2
    before = model.backbone.token_embedding.weight.detach().clone()
    recipe = FinetuneConfig(epochs=4, rows_per_update=16, learning_rates=(3e-3,))
    predicted = [
        finetune(
            wrapped,
            Labels(texts[:120], labels[:120]),
            lambda: texts[120:],
            config=recipe,
            seed=seed,
        )
        for seed in (0, 0)
    ]
    first, second = (each.predicted for each in predicted if each)
    assert (first == labels[120:]).mean() > 0.95
    assert (first == second).all()
    assert torch.equal(before, model.backbone.token_embedding.weight)


@torch.no_grad()
def test_states_are_those_of_every_layer(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig
) -> None:
    wrapped = pretrained(model, corpus, trainer, "causal")
    found = wrapped.states(TEXTS)
    assert found.poolings == ("mean", "cls", "last")
    width = model.backbone.config.hidden_size
    assert found.values.shape == (3, wrapped.layers + 1, len(TEXTS), width)
    np.testing.assert_array_equal(found.values[0, -1], wrapped.embed(TEXTS))
    twice = wrapped.states([*TEXTS[::-1], TEXTS[1], *TEXTS])
    expected = [*range(len(TEXTS))[::-1], 1, *range(len(TEXTS))]
    np.testing.assert_array_equal(twice.values, found.values[:, :, expected])
    for place, text in enumerate(TEXTS):
        batch = corpus.batch([ids_of(corpus, text)])
        output = model.backbone(batch, attention=Attention("causal"), layers=range(wrapped.layers))
        mask = batch.attention_mask[0, :, None]
        for layer, states in enumerate(output.hidden):
            mean = (states[0] * mask).sum(0) / mask.sum()
            expected = [mean, states[0, 0], states[0, mask.sum() - 1]]
            np.testing.assert_allclose(found.values[:, layer, place], expected, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("likelihood", ["causal", "pseudo", "pseudo_next"])
def test_endings_are_scored_as_a_slow_loop_scores_them(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig, likelihood: str
) -> None:
    limit = corpus.card.sequence_length - 2
    beginnings = ["Return the", "Raise an", "x " * 3 * limit + "the"]
    endings = [" multidimensional", " error", " value"]
    found = pretrained(model, corpus, trainer, likelihood).endings(beginnings, endings)
    assert found is not None
    right, totals = found
    for begun, ending, is_right, total in zip(beginnings, endings, right, totals, strict=True):
        ids = ids_of(corpus, begun + ending)
        count = len(ids) - len(ids_of(corpus, begun))
        assert count >= 1
        ids = ids[-limit:]
        first = len(ids) - count
        if likelihood == "causal":
            table = log_probabilities(model, corpus, ids, "causal")
        else:
            masked = [*ids[:first], *[corpus.vocabulary.mask_id] * count]
            table = log_probabilities(model, corpus, masked, "bidirectional")
        # The state of the token itself is one place on, after [CLS].
        places = [i + (likelihood == "pseudo") for i in range(first, len(ids))]
        expected = [
            float(table[at, ids[i]]) for at, i in zip(places, range(first, len(ids)), strict=True)
        ]
        assert total == pytest.approx(sum(expected), abs=1e-3)
        best = [int(table[at].argmax()) for at in places]
        assert is_right == (best == ids[first:])


def test_without_a_token_head_nothing_is_foretold(
    model: TrainModel, corpus: Corpus, trainer: TrainerConfig
) -> None:
    assert pretrained(model, corpus, trainer, "none").endings(["a"], [" b"]) is None


@torch.no_grad()
@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_an_untouched_checkpoint_scores_as_transformers_does(family: str, tmp_path: Path) -> None:
    """Over its own 300 tokens, not over the 103 that it lacked."""
    folder, is_masked = tmp_path / family, family in MASKED
    save_tokenizer(folder, [document(i) for i in range(50)])
    theirs = save_checkpoint(folder, family)
    rows = {
        split: [{"text": document(100 * number + i)} for i in range(20)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    corpus = build(tmp_path, rows, tokenizer=str(folder), sequence_length=64)
    read = untouched(folder, corpus)
    vocabulary = corpus.vocabulary
    assert vocabulary.size == theirs.config.vocab_size + 103

    def table(ids: list[int]) -> torch.Tensor:
        framed = torch.tensor([[vocabulary.cls_id, *ids, vocabulary.sep_id]])
        found: torch.Tensor = theirs(framed).logits[0].double().log_softmax(-1)
        return found[1:] if is_masked else found

    sums, beginning, ending = [], "Badoke vimu", " rasoti."
    for text in TEXTS:
        ids = ids_of(corpus, text)
        if is_masked:
            masks = [[*ids[:i], vocabulary.mask_id, *ids[i + 1 :]] for i in range(len(ids))]
            sums.append(sum(float(table(row)[i, ids[i]]) for i, row in enumerate(masks)))
        else:
            sums.append(sum(float(table(ids)[i, token]) for i, token in enumerate(ids)))
    found = read.log_likelihood(TEXTS)
    np.testing.assert_allclose(found, sums, atol=1e-3)  # type: ignore[arg-type]
    ids = ids_of(corpus, beginning + ending)
    count = len(ids_of(corpus, ending))
    first = len(ids) - count
    logs = table([*ids[:first], *[vocabulary.mask_id] * count] if is_masked else ids)
    endings = read.endings([beginning], [ending])
    assert endings is not None
    total = sum(float(logs[i, ids[i]]) for i in range(first, len(ids)))
    assert endings[1][0] == pytest.approx(total, abs=1e-3)
