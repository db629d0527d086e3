"""A whole folder: model, tokenizer and pooling, held against ours before it is finished."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.exports.choose import export
from models.exports.equality import largest_difference
from models.exports.source import Kind, Source
from models.exports.tokenizer import save_tokenizer
from models.exports.vectors import save_pooling


@dataclass(frozen=True)
class Written:
    """What a folder holds.

    Attributes:
        architecture: the class of transformers, `BertForMaskedLM`.
        kind: which head it has.
        left_out: heads that it has not, and why.
        difference: the largest between its outputs and ours.
    """

    architecture: str
    kind: Kind
    left_out: Mapping[str, str]
    difference: float


def write_folder(
    source: Source, corpus: Path, folder: Path, *, longest: int, pooling: str
) -> Written:
    """Write a trained model for transformers and sentence-transformers.

    Args:
        source: the model.
        corpus: a folder with `tokenizer.json` and `tokenizer_roles.json`.
        folder: empty, to write to.
        longest: tokens of the longest row that was trained on, special ones included.
        pooling: how states become a vector, one of POOLINGS (models/pooling.py).

    Raises:
        ValueError: no class is equal to the model, or what was written does not compute the same.
    """
    with quiet():
        exported = export(source)
        exported.model.save_pretrained(folder)
        reads_special = exported.kind == "masked"  # whoever fills a mask writes it into the text
        save_tokenizer(corpus, folder, longest=longest, reads_special=reads_special)
        save_pooling(folder, width=source.config.hidden_size, pooling=pooling, longest=longest)
        difference = largest_difference(source, exported.kind, folder, longest=longest)
    name = type(exported.model).__name__
    return Written(name, exported.kind, exported.left_out, difference)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Transformers says nothing: neither bars nor what it thinks of a folder."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
