"""A small data set of pictures and captions in the hub's format, drawn here."""

import io
from pathlib import Path

import datasets
import numpy as np
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (20, 160, 40), "blue": (30, 60, 220), "grey": (120,) * 3}
SIZE = 24


def png(pixels: np.ndarray, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels, mode).save(buffer, "PNG")
    return buffer.getvalue()


def drawing(number: int) -> tuple[np.ndarray, str, str]:
    """A square of one of four colours at a place of its own, its caption, and its colour."""
    name = list(COLOURS)[number % 4]
    row, column = (number // 4) % 4, (number // 16) % 4
    pixels = np.full((SIZE, SIZE, 3), 255, dtype=np.uint8)
    pixels[row * 6 : row * 6 + 6, column * 6 : column * 6 + 6] = COLOURS[name]
    pixels[0, 0] = number % 256, number // 256, 7  # no two drawings are alike
    return pixels, f"{name} square {row} down {column} right, drawing {number}", name


def save_drawings(
    folder: Path, counts: dict[str, int], spoil: dict[int, object] | None = None
) -> None:
    """Write one Parquet file a split; `spoil` replaces the image cells of some training rows."""
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "caption": datasets.Value("string"),
            "colour": datasets.Value("string"),
        }
    )
    folder.mkdir(parents=True)
    first = 0
    for split, count in counts.items():
        drawings = [drawing(number) for number in range(first, first + count)]
        first += count
        cells: list[object] = [{"bytes": png(pixels), "path": None} for pixels, _, _ in drawings]
        for row, cell in (spoil or {}).items():
            if split == "train":
                cells[row] = cell
        rows = datasets.Dataset.from_dict(
            {
                "image": cells,
                "caption": [caption for _, caption, _ in drawings],
                "colour": [colour for _, _, colour in drawings],
            },
            features=features,
        )
        rows.to_parquet(str(folder / f"{split}.parquet"))
