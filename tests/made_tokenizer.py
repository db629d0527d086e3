"""A transformers tokenizer as GPT-2's is, made on the spot."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = [f"The quick brown fox number {i} jumps over [MASK] and </s>." for i in range(300)]


def save_gpt2_like(folder: Path) -> None:
    """Byte-level BPE of 400 tokens with one token for both ends, no padding and no mask."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(TEXTS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )
    fast.save_pretrained(folder)


def save_with_unknown(folder: Path, kind: str = "WordPiece") -> None:
    """A tokenizer that writes [UNK] for what it has not seen; it has no token for U+200B."""
    trainers_of: dict[str, Any] = {
        "WordPiece": trainers.WordPieceTrainer,
        "WordLevel": trainers.WordLevelTrainer,
        "Unigram": trainers.UnigramTrainer,
    }
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    unknown = {} if kind == "Unigram" else {"unk_token": "[UNK]"}
    raw = Tokenizer(getattr(models, kind)(**unknown))
    raw.normalizer = normalizers.BertNormalizer()
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers_of[kind](
        vocab_size=400,
        special_tokens=special,
        show_progress=False,
        **({"unk_token": "[UNK]"} if kind == "Unigram" else {}),
    )
    raw.train_from_iterator(TEXTS, trainer)
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    named = dict(zip(roles, special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=raw, **named).save_pretrained(folder)
