"""Examples for the eye: test pictures with what each model finds for them."""

import base64
from typing import Any

from results.comparison import Stratum
from results.page import Block, Cell, Prose, Section, Table, strong, words

HEADER = ("picture", "its caption", "captions found for it", "its place", "pictures found", "place")


def section(stratum: Stratum) -> Section | None:
    """A table for every model that has examples; with several seeds those of the first."""
    tables = []
    for row in stratum.models:
        run = row.models[0].runs[0]
        for measure, examples in run.store.exhibits(run.record.name).items():
            if not measure.startswith("probe "):
                continue
            title = f"{row.label}, {measure.removeprefix('probe ')}, seed {run.record.seed}"
            tables.append(Table(HEADER, [_row(example) for example in examples], title))
    if not tables:
        return None
    text = (
        "Test pictures, evenly spread over the test set whatever came of them, with what was found "
        f"for each ({strong('bold')}: its own caption) and the pictures found for its caption:"
    )
    blocks: list[Block] = [Prose(text), *tables]
    return Section("", blocks)


def _row(example: dict[str, Any]) -> list[Cell]:
    captions = [strong(t) if t == example["text"] else t for t in example["texts"]]
    return [
        _pictures([example["image"]]),
        words(example["text"]),
        words("\n".join(" ".join(caption.split()) for caption in captions)),
        words(f"{example['image_to_text_rank']:g}"),
        _pictures(example["images"]),
        words(f"{example['text_to_image_rank']:g}"),
    ]


def _pictures(encoded: list[str]) -> Cell:
    return Cell(pictures=tuple(base64.b64decode(each) for each in encoded))
