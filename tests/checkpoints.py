"""Small transformers checkpoints with weights drawn at random, and a tokenizer for each."""

from pathlib import Path
from typing import Any

import tokenizers
import torch
from experiments import experiment
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

from runners.configuration.checkpoint import CheckpointConfig
from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig
from runners.measures.text_model import TextModel
from runners.training.initial import initial_model

FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_act": "gelu"},
    "roberta": {"type_vocab_size": 1, "pad_token_id": 1, "max_position_embeddings": 66},
    "modernbert": {"local_attention": 16},
    "modernbert-decoder": {"local_attention": 16},
    "gpt2": {"n_positions": 64, "n_embd": 32, "n_layer": 3, "n_head": 4},
    "llama": {"num_key_value_heads": 2, "tie_word_embeddings": False},
    "mistral": {"num_key_value_heads": 2, "sliding_window": None},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 16},
}
MASKED = ("bert", "roberta", "modernbert")


def save_checkpoint(
    folder: Path, family: str, *, vocabulary_size: int = 300, dtype: torch.dtype = torch.float32
) -> Any:
    """Write config.json and model.safetensors; the transformers model with its head."""
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 64,
        "pad_token_id": 2,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "cls_token_id": 0,
        "sep_token_id": 1,
        "initializer_range": 0.1,
    }
    if family == "gpt2":
        sizes = {name: value for name, value in sizes.items() if name not in _ELSEWHERE}
    settings = {**sizes, **FAMILIES[family], "vocab_size": vocabulary_size}
    config = AutoConfig.for_model(family, **settings)
    torch.manual_seed(0)
    kind = AutoModelForMaskedLM if family in MASKED else AutoModelForCausalLM
    model = kind.from_config(config, attn_implementation="sdpa").to(dtype).eval()
    for parameter in model.parameters():  # biases and norms that do nothing would hide a wrong name
        if parameter.dim() == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model


_ELSEWHERE = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
)


def save_tokenizer(folder: Path, texts: list[str], vocabulary_size: int = 300) -> None:
    """A byte-level BPE with [CLS], [SEP], [PAD] and [MASK], as `AutoTokenizer` reads it."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=["[CLS]", "[SEP]", "[PAD]", "[MASK]"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
    ).save_pretrained(folder)


def untouched(checkpoint: Path, corpus: Corpus) -> TextModel:
    """A checkpoint as the row `unchanged` of a report reads it."""
    config = CheckpointConfig(architecture="pretrained", path=str(checkpoint)).read()
    dataset = LocalConfig(path="x", sequence_length=corpus.card.sequence_length)
    job = experiment(None, dataset, checkpoint / "out", model=config)
    return TextModel(
        initial_model(job.recipe, corpus).eval(),
        corpus,
        attention=config.own_attention,
        likelihood="causal" if config.own_attention == "causal" else "pseudo",
        pooling="mean",
        trainer=job.trainer,
    )
