"""Small transformers checkpoints that have learned a little, a minute or two each."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

VOCABULARY, LONGEST = 2048, 96
STEPS, ROWS, RATE = 300, 16, 2e-3


@dataclass(frozen=True)
class Kind:
    """A kind of checkpoint.

    Attributes:
        roles: its tokenizer's special tokens.
        template: what the tokenizer sets round a text by itself, or None.
        masked: learn by masking; otherwise from left to right.
    """

    roles: dict[str, str]
    template: str | None
    masked: bool = False

    @property
    def has_two_ends(self) -> bool:
        """Whether a text's first token is not its last."""
        return len(set(self.roles.values())) > 1


KINDS = {
    "gpt2": Kind({"bos_token": "<s>", "eos_token": "</s>"}, "<s> $A"),
    "gpt2 with one end": Kind(dict.fromkeys(("bos_token", "eos_token"), "<|endoftext|>"), None),
    "bert": Kind(
        {
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "pad_token": "[PAD]",
            "mask_token": "[MASK]",
        },
        "[CLS] $A [SEP]",
        masked=True,
    ),
}


def make_tokenizer(kind: Kind, texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE with the ends of a kind."""
    special = list(dict.fromkeys(kind.roles.values()))
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if kind.template:
        used = [(token, tokenizer.token_to_id(token)) for token in special]
        tokenizer.post_processor = TemplateProcessing(single=kind.template, special_tokens=used)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **kind.roles)


def make_model(kind: Kind, first: int, last: int) -> Any:
    """Two layers of 128, with weights drawn at random.

    Args:
        kind: of checkpoint.
        first, last: the ids that begin and end a text.
    """
    torch.manual_seed(0)
    if kind.masked:
        config = BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=512,
            max_position_embeddings=LONGEST,
        )
        return BertForMaskedLM(config)
    sizes = {"n_positions": LONGEST, "n_embd": 128, "n_layer": 2, "n_head": 4}
    ends = {"bos_token_id": first, "eos_token_id": last}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **sizes, **ends))


def make_checkpoint(kind: Kind, texts: Sequence[str], folder: Path) -> None:
    """Train one and write it with its tokenizer, unless it is there."""
    if (folder / "model.safetensors").is_file():
        return
    tokenizer = make_tokenizer(kind, texts)
    first, last = (
        (tokenizer.cls_token_id, tokenizer.sep_token_id)
        if kind.masked
        else (tokenizer.bos_token_id, tokenizer.eos_token_id)
    )
    model = make_model(kind, first, last)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    for step in range(1, STEPS + 1):
        chosen = torch.randint(len(texts), (ROWS,), generator=generator).tolist()
        encoded = tokenizer([texts[i] for i in chosen], add_special_tokens=False)["input_ids"]
        rows = [torch.tensor([first, *ids[: LONGEST - 2], last]) for ids in encoded]
        labels = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        attended = labels != -100
        inputs = labels.where(attended, 0)
        if kind.masked:
            hidden = (torch.rand(labels.shape, generator=generator) < 0.15) & attended
            inputs = inputs.masked_fill(hidden, tokenizer.mask_token_id)
            labels = labels.where(hidden, -100)
        loss = model(input_ids=inputs, attention_mask=attended.long(), labels=labels).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 100 == 0:
            print(f"{folder.name}: {loss.item():.3f} nats after {step} updates", file=sys.stderr)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
