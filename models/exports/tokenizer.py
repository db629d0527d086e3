"""A corpus's tokenizer as transformers loads it, which makes of a text the rows that were read."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from models.exports.source import Roles
from models.vocabulary import CLS, MASK, PAD, SEP

TRIED = ("A text, and another one.", "  naïve\n\tÜber 東京 1234 ☃", "x", "[MASK]s and </s>s")
"""Texts on which the two are held against each other before a folder is finished."""


def roles_of(corpus: Path) -> tuple[dict[str, str], Roles]:
    """The tokens of the four roles, and their ids.

    Args:
        corpus: a folder with `tokenizer.json` and `tokenizer_roles.json`.
    """
    tokens: dict[str, str] = json.loads((corpus / "tokenizer_roles.json").read_text())
    tokenizer = Tokenizer.from_file(str(corpus / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    ids = {role: vocabulary[token] for role, token in tokens.items()}
    return tokens, Roles(ids[CLS], ids[SEP], ids[PAD], ids[MASK])


def save_tokenizer(corpus: Path, folder: Path, *, longest: int, reads_special: bool) -> None:
    """Write it for `AutoTokenizer`: `[CLS]` before and `[SEP]` after a text and between two.

    Args:
        corpus: a folder with `tokenizer.json` and `tokenizer_roles.json`.
        folder: to write to.
        longest: tokens of the longest row, special ones included.
        reads_special: whether "[MASK]" in a text is the token; in training it was text.

    Raises:
        ValueError: what `AutoTokenizer` reads there makes other ids of a text.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    tokens, roles = roles_of(corpus)
    tokenizer = Tokenizer.from_file(str(corpus / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    first, end = tokens[CLS], tokens[SEP]
    tokenizer.post_processor = TemplateProcessing(
        single=[f"{first}:0", "$A:0", f"{end}:0"],
        pair=[f"{first}:0", "$A:0", f"{end}:0", "$B:0", f"{end}:0"],
        special_tokens=[(first, roles.cls_id), (end, roles.sep_id)],
    )
    unknown = json.loads(tokenizer.to_str())["model"].get("unk_token")
    saved: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        cls_token=first,
        sep_token=end,
        bos_token=first,
        eos_token=end,
        pad_token=tokens[PAD],
        mask_token=tokens[MASK],
        model_max_length=longest,
        padding_side="right",
        truncation_side="right",
        split_special_tokens=not reads_special,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
        **({"unk_token": unknown} if unknown else {}),
    )
    saved.save_pretrained(folder)
    _name_class(folder / "tokenizer_config.json")
    loaded: Any = AutoTokenizer.from_pretrained(folder)
    ours = Tokenizer.from_file(str(corpus / "tokenizer.json"))
    ours.encode_special_tokens = True
    for text in TRIED:
        ids = ours.encode(text, add_special_tokens=False).ids[: longest - 2]
        expected = [roles.cls_id, *ids, roles.sep_id]
        found = loaded(text, truncation=True, split_special_tokens=True)["input_ids"]
        if found != expected:
            raise ValueError(
                f"transformers' AutoTokenizer does not read this tokenizer as it was trained with: "
                f"it makes {found} of {text!r}, and not {expected}"
            )


def _name_class(file: Path) -> None:
    """By the name that older versions of transformers know too."""
    content = json.loads(file.read_text())
    content.pop("backend", None)
    content["tokenizer_class"] = "PreTrainedTokenizerFast"
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
