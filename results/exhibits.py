"""Examples for the eye: test pictures with what each model finds for them."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from results.comparison import Stratum
from results.markdown import escape, table

FOLDER = "pictures"


def exhibits(stratum: Stratum, folder: Path) -> list[dict[str, str]]:
    """For every model that has examples a heading and a table; pictures go below `folder`.

    With several seeds they are those of the first.
    """
    found = []
    for row in stratum.models:
        run = row.models[0].runs[0]
        for measure, examples in run.store.exhibits(run.record.name).items():
            heading = f"{row.label}, {measure.removeprefix('probe ')}, seed {run.record.seed}"
            found.append({"title": escape(heading), "table": _table(examples, folder)})
    return found


def _table(examples: list[dict[str, Any]], folder: Path) -> str:
    header = ["picture", "its caption", "captions found for it", "its place", "pictures found"]
    header.append("place")
    rows = []
    for example in examples:
        captions = [
            f"**{escape(text)}**" if text == example["text"] else escape(text)
            for text in example["texts"]
        ]
        rows.append(
            [
                _picture(example["image"], folder),
                escape(example["text"]),
                "<br>".join(captions),
                f"{example['image_to_text_rank']:g}",
                " ".join(_picture(image, folder) for image in example["images"]),
                f"{example['text_to_image_rank']:g}",
            ]
        )
    return table(header, rows)


def _picture(encoded: str, folder: Path) -> str:
    content = base64.b64decode(encoded)
    name = f"{hashlib.sha256(content).hexdigest()[:12]}.png"
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / name).write_bytes(content)
    return f"![]({FOLDER}/{name})"
