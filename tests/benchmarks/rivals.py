"""Trainings as people do them today, beside ours: transformers' Trainer, sentence-transformers.

Each begins with our weights and takes the same updates: rows, order, AdamW with the same numbers,
the gradient's norm clipped at 1, dropout as the model says. It returns the time at the end of every
update and the losses.
"""

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bert import bert_config, bert_weights
from race import Race, Taken
from torch.utils.data import BatchSampler, SequentialSampler

from models.backbone import Backbone
from objectives.base import TrainModel, build_model
from objectives.simcse import SimCSE


def trainer(race: Race, steps: int) -> Taken:
    """By transformers' Trainer, with its collator for language modelling."""
    import datasets
    from transformers import (
        BertForMaskedLM,
        BertLMHeadModel,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainingArguments,
    )

    with tempfile.TemporaryDirectory() as folder:
        corpus, causal = race.corpus, race.name == "clm"
        tokenizer = tokenizer_of(race.folder)
        ids = corpus.stretch("train", start=0, count=race.rows * steps, seed=race.seed).input_ids
        special = torch.zeros_like(ids)
        special[:, [0, -1]] = 1
        rows = datasets.Dataset.from_dict(
            {"input_ids": ids.tolist(), "special_tokens_mask": special.tolist()}
        )
        kind = BertLMHeadModel if causal else BertForMaskedLM
        model = kind(_bert_config(race, corpus.vocabulary.size))
        source, backbone = _start(race, corpus.vocabulary.size)
        weights = bert_weights(backbone, source.heads["lm"], "bert.")  # type: ignore[arg-type]
        model.load_state_dict(weights, strict=True)
        clock = _Clock(race.trainer.device)

        class InOrder(Trainer):  # type: ignore[misc]
            def _get_train_sampler(self, *args: Any) -> Any:
                return SequentialSampler(rows)

        own = InOrder(
            model=model,
            args=TrainingArguments(**_arguments(race, folder, steps)),
            train_dataset=rows,
            data_collator=DataCollatorForLanguageModeling(
                tokenizer, mlm=not causal, mlm_probability=0.15
            ),
            callbacks=[clock.callback()],
        )
        own.train()
        losses = [entry["loss"] for entry in own.state.log_history if "loss" in entry]
        return Taken(clock.ends, losses, race.tokens)


def sentence_transformers(race: Race, steps: int) -> Taken:
    """By sentence-transformers: every text with itself, the other texts of the batch against it."""
    import datasets
    import sentence_transformers as st
    from sentence_transformers.sentence_transformer import losses as st_losses
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertModel

    with tempfile.TemporaryDirectory() as folder:
        corpus = race.corpus
        rows = corpus.stretch("train", start=0, count=race.rows * steps, seed=race.seed).input_ids
        texts = [corpus.tokenizer.decode(row) for row in rows[:, 1:-1].tolist()]
        # Cut at the same length, so that a text's own tokens fill it.
        longer = [f"{one} {other}" for one, other in itertools.pairwise([*texts, texts[0]])]
        model = BertModel(_bert_config(race, corpus.vocabulary.size), add_pooling_layer=False)
        source, backbone = _start(race, corpus.vocabulary.size)
        model.load_state_dict(bert_weights(backbone, None, ""), strict=True)
        model.save_pretrained(f"{folder}/bert")
        tokenizer_of(race.folder).save_pretrained(f"{folder}/bert")
        width, objective = race.model.hidden_size, race.objective
        assert isinstance(objective, SimCSE)
        dense = modules.Dense(width, width, activation_function=torch.nn.Tanh())
        dense.linear.load_state_dict(source.heads["projector"].dense.state_dict())  # type: ignore[union-attr]
        whole = st.SentenceTransformer(
            modules=[
                modules.Transformer(f"{folder}/bert", max_seq_length=race.length),
                modules.Pooling(width, pooling_mode=objective.pooling),
                dense,
            ],
            device=race.trainer.device,
        )
        clock = _Clock(race.trainer.device)

        class InOrder(st.SentenceTransformerTrainer):  # type: ignore[misc]
            def get_batch_sampler(
                self, dataset: Any, batch_size: int, *args: Any, **more: Any
            ) -> Any:
                return BatchSampler(SequentialSampler(dataset), batch_size, drop_last=True)

        own = InOrder(
            model=whole,
            args=st.SentenceTransformerTrainingArguments(**_arguments(race, folder, steps)),
            train_dataset=datasets.Dataset.from_dict({"anchor": longer, "positive": longer}),
            loss=st_losses.MultipleNegativesRankingLoss(whole, scale=1 / objective.temperature),
            callbacks=[clock.callback()],
        )
        own.train()
        losses = [entry["loss"] for entry in own.state.log_history if "loss" in entry]
        return Taken(clock.ends, losses, race.tokens)


RIVALS: dict[str, Callable[[Race, int], Taken]] = {
    "clm": trainer,
    "mlm": trainer,
    "simcse": sentence_transformers,
}
"""By objective, what people use today."""


def tokenizer_of(folder: Path) -> Any:
    """The corpus's tokenizer as transformers loads it, with `[CLS]` and `[SEP]` around a text."""
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    read = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ends = [(name, read.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    read.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=read,
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
    )


def _start(race: Race, size: int) -> tuple[TrainModel, Backbone]:
    """Our model before its first update, and its backbone."""
    model = build_model(race.objective, race.model, size, race.seed)
    assert isinstance(model.backbone, Backbone)
    return model, model.backbone


def _bert_config(race: Race, size: int) -> Any:
    config = bert_config(race.model, size, causal=race.name == "clm")
    config.hidden_dropout_prob = race.model.dropout
    config.attention_probs_dropout_prob = race.model.attention_dropout
    return config


def _arguments(race: Race, folder: str, steps: int) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "max_steps": steps,
        "per_device_train_batch_size": race.rows,
        "bf16": race.trainer.dtype == "bfloat16",
        "use_cpu": race.trainer.device == "cpu",
        "learning_rate": race.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": race.trainer.weight_decay,
        "adam_beta2": race.beta2,
        "max_grad_norm": race.trainer.clip_norm,
        "torch_compile": race.trainer.compile,
        "logging_steps": max(1, steps // 20),
        "logging_strategy": "steps",
        "save_strategy": "no",
        "report_to": "none",
        "dataloader_pin_memory": race.trainer.device != "cpu",
        "disable_tqdm": True,
        "seed": race.seed,
    }


class _Clock:
    """The time at the end of every update of a Trainer."""

    def __init__(self, device: str) -> None:
        self.ends: list[float] = []
        self._device = device

    def callback(self) -> Any:
        """What a Trainer calls."""
        from transformers import TrainerCallback

        clock = self

        class Callback(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, *args: Any, **more: Any) -> None:
                clock.ends.append(time.perf_counter())

            def on_train_end(self, *args: Any, **more: Any) -> None:
                if clock._device == "cuda":  # which works behind
                    torch.cuda.synchronize()
                    clock.ends[-1] = time.perf_counter()

        return Callback()
