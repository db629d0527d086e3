"""What probes do, by us and by what people use: vectors of texts, likelihoods, fine-tuning.

Both sides have one model's weights and one corpus's tokenizer; each returns how many texts it got
through in a second, and the first of what it found, which has to be the same on both.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from bert import bert_config, bert_weights
from race import Race
from rivals import tokenizer_of

from models.backbone import Backbone
from objectives.base import TrainModel, build_model
from runners.hardware import set_up
from runners.measures.finetune import FinetuneConfig, Labels, learn
from runners.measures.text_model import TextModel

CLASSES = 4
ROWS_PER_UPDATE = 32


@dataclass(frozen=True)
class Done:
    """What a side did.

    Attributes:
        rate: texts a second.
        found: some of its answers.
    """

    rate: float
    found: np.ndarray


def texts_of(race: Race, count: int) -> list[str]:
    """Documents of the corpus, some of them cut, so that lengths differ as those of sentences."""
    documents = race.corpus.documents("train")["text"].tolist()[:count]
    return [text[: 60 + 97 * place % 400] for place, text in enumerate(documents)]


def our_vectors(race: Race, count: int) -> Done:
    """By `TextModel.embed`, in float32."""
    model, texts = _ours(race), texts_of(race, count)
    return _timed(lambda: model.embed(texts), count)


def their_vectors(race: Race, count: int) -> Done:
    """By sentence-transformers' `encode`, in float32, as it comes."""
    import sentence_transformers as st
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertModel

    texts = texts_of(race, count)
    with tempfile.TemporaryDirectory() as folder:
        _theirs(race, partial(BertModel, add_pooling_layer=False), "").save_pretrained(folder)
        tokenizer_of(race.folder).save_pretrained(folder)
        whole = st.SentenceTransformer(
            modules=[
                modules.Transformer(folder, max_seq_length=race.length),
                modules.Pooling(race.model.hidden_size, pooling_mode="mean"),
            ],
            device=race.trainer.device,
        )
        return _timed(lambda: np.asarray(whole.encode(texts, batch_size=64)), count)


def our_likelihoods(race: Race, count: int) -> Done:
    """Pseudo-log-likelihoods by `TextModel.log_likelihood`."""
    model, texts = _ours(race), texts_of(race, count)
    return _timed(lambda: np.asarray(model.log_likelihood(texts)), count)


def their_likelihoods(race: Race, count: int) -> Done:
    """By transformers, a text at a time, as a batch that masks each token once (Salazar 2020)."""
    from transformers import BertForMaskedLM

    texts, tokenizer = texts_of(race, count), tokenizer_of(race.folder)
    model = _theirs(race, BertForMaskedLM, "bert.", with_head=True).eval()
    dtype = getattr(torch, race.trainer.dtype)

    @torch.no_grad()
    def of(text: str) -> float:
        row = torch.tensor(tokenizer(text, truncation=True, max_length=race.length).input_ids)
        places = torch.arange(1, len(row) - 1)
        copies = row.repeat(len(places), 1)
        copies[places - 1, places] = tokenizer.mask_token_id
        with torch.autocast(race.trainer.device, dtype):
            logits = model(copies).logits
        log_p = logits[places - 1, places].float().log_softmax(-1)
        return float(log_p[places - 1, row[places]].sum())

    return _timed(lambda: np.array([of(text) for text in texts]), count)


def our_finetuning(race: Race, count: int) -> Done:
    """An epoch of `learn`, at one learning rate."""
    model, texts = _ours(race), texts_of(race, count)
    lesson = Labels(texts, np.arange(count) % CLASSES)
    config = FinetuneConfig(
        epochs=1, learning_rates=(1e-4,), rows_per_update=ROWS_PER_UPDATE, max_examples=count
    )
    return _timed(lambda: _nothing(learn(model, lesson, config, seed=0)), count)


def their_finetuning(race: Race, count: int) -> Done:
    """An epoch of transformers' Trainer, padded to the longest of a batch."""
    import datasets
    from transformers import (
        BertForSequenceClassification,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    texts, tokenizer = texts_of(race, count), tokenizer_of(race.folder)
    with tempfile.TemporaryDirectory() as folder:
        model = _theirs(race, BertForSequenceClassification, "bert.")
        rows = datasets.Dataset.from_dict({"text": texts, "labels": np.arange(count) % CLASSES})

        def train() -> np.ndarray:
            encoded = rows.map(
                lambda batch: tokenizer(batch["text"], truncation=True, max_length=race.length),
                batched=True,
                remove_columns=["text"],
            )
            Trainer(
                model=model,
                args=TrainingArguments(
                    output_dir=folder,
                    num_train_epochs=1,
                    per_device_train_batch_size=ROWS_PER_UPDATE,
                    bf16=race.trainer.dtype == "bfloat16",
                    use_cpu=race.trainer.device == "cpu",
                    learning_rate=1e-4,
                    save_strategy="no",
                    report_to="none",
                    disable_tqdm=True,
                    dataloader_pin_memory=race.trainer.device != "cpu",
                ),
                train_dataset=encoded,
                data_collator=DataCollatorWithPadding(tokenizer),
            ).train()
            return np.zeros(0)

        return _timed(train, count)


SIDES: dict[str, tuple[Callable[[Race, int], Done], Callable[[Race, int], Done], int]] = {
    "vectors, texts/s, of sentence-transformers": (our_vectors, their_vectors, 1000),
    "pseudo-log-likelihoods, texts/s, of a text at a time": (
        our_likelihoods,
        their_likelihoods,
        40,
    ),
    "fine-tuning, texts/s, of trainer": (our_finetuning, their_finetuning, 640),
}
"""By name: ours, the peer, and of how many texts."""


def _ours(race: Race) -> TextModel:
    set_up(race.trainer)
    return TextModel(
        _weights(race).eval().to(race.trainer.device),
        race.corpus,
        attention="bidirectional",
        likelihood="pseudo",
        pooling="mean",
        trainer=race.trainer,
        every_layer=False,
        every_pooling=False,
    )


def _weights(race: Race) -> TrainModel:
    return build_model(race.objective, race.model, race.corpus.vocabulary.size, race.seed)


def _theirs(race: Race, kind: Any, prefix: str, *, with_head: bool = False) -> Any:
    """A class of transformers with our weights; a head of classes is new."""
    config = bert_config(race.model, race.corpus.vocabulary.size, causal=False)
    config.hidden_dropout_prob = race.model.dropout
    config.attention_probs_dropout_prob = race.model.attention_dropout
    config.num_labels = CLASSES
    built, source = kind(config), _weights(race)
    assert isinstance(source.backbone, Backbone)
    head: Any = source.heads["lm"] if with_head else None
    loaded = built.load_state_dict(bert_weights(source.backbone, head, prefix), strict=False)
    assert not loaded.unexpected_keys, loaded.unexpected_keys
    return built.to(race.trainer.device)


def _timed(work: Callable[[], np.ndarray], count: int) -> Done:
    began = time.perf_counter()
    found = work()
    return Done(count / (time.perf_counter() - began), found[:20])


def _nothing(learned: object) -> np.ndarray:
    assert learned is not None
    return np.zeros(0)
