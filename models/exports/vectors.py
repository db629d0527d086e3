"""What makes a folder of transformers one of sentence-transformers: how states become a vector."""

import json
from pathlib import Path

THEIRS = {"cls": "cls_token", "mean": "mean_tokens", "last": "lasttoken"}
"""Their names of our poolings."""

OTHERS = ("max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens")

_KINDS = "sentence_transformers.models"


def save_pooling(folder: Path, *, width: int, pooling: str, longest: int) -> None:
    """Write the files that say it, in the format that every version of theirs reads.

    Args:
        folder: that holds the model and its tokenizer.
        width: of a vector, D.
        pooling: one of POOLINGS (models/pooling.py).
        longest: tokens of the longest row, special ones included.
    """
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    listed = [
        {"idx": place, "name": str(place), "path": path, "type": f"{_KINDS}.{kind}"}
        for place, (path, kind) in enumerate(modules)
    ]
    modes = {
        f"pooling_mode_{name}": name == THEIRS[pooling] for name in (*THEIRS.values(), *OTHERS)
    }
    (folder / "1_Pooling").mkdir()
    for name, content in (
        ("modules.json", listed),
        ("1_Pooling/config.json", {"word_embedding_dimension": width, **modes}),
        ("sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": False}),
        ("config_sentence_transformers.json", {"prompts": {}, "similarity_fn_name": "cosine"}),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
