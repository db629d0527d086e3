"""Pictures of a corpus: read once, brought to one size, and memory-mapped ever after."""

import io
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

CHANNELS = 3


def pixels_of(value: Any, size: int, where: str) -> bytes:
    """A cell of an image column as RGB pixels, upright; what is see-through is laid on white.

    Of a moving picture it is the first frame.

    Args:
        value: what `datasets.Image(decode=False)` gives: a mapping of `bytes` and `path`.
        size: width and height in pixels that it is brought to.
        where: the row, for messages.

    Raises:
        ValueError: there is no image, or it is damaged.
    """
    content = value.get("bytes") if isinstance(value, dict) else None
    path = value.get("path") if isinstance(value, dict) else None
    if content is None and path and Path(path).is_file():
        content = Path(path).read_bytes()
    if not content:
        missing = f" (no file {path})" if path else ""
        raise ValueError(f"{where}: the image is missing{missing}; remove the row or mend it")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as opened:
            warnings.simplefilter("ignore")  # of what does not keep it from being read
            picture = _eight_bit(_upright(opened)).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "of no known format" if unknown else str(error)
        raise ValueError(
            f"{where}: the image cannot be read ({reason}); remove the row or mend it"
        ) from error
    on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if on_white.size != (size, size):
        on_white = on_white.resize((size, size), Image.Resampling.BICUBIC)
    return on_white.convert("RGB").tobytes()


def _upright(picture: Image.Image) -> Image.Image:
    """As a camera's note on how it was held says; a note that cannot be read is none."""
    try:
        return ImageOps.exif_transpose(picture)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, struct.error):
        return picture


def _eight_bit(picture: Image.Image) -> Image.Image:
    """With 256 shades: Pillow would take every shade of 16 bits above 255 for white.

    Raises:
        ValueError: its numbers have no range of their own.
    """
    if picture.mode.startswith("I;16"):
        shades = np.asarray(picture).astype(np.uint32)
    elif picture.mode == "I":
        shades = np.asarray(picture)
        if shades.min() < 0 or shades.max() > 0xFFFF:
            raise ValueError("its shades are whole numbers of 32 bits")
    elif picture.mode == "F":
        raise ValueError("its shades are fractions of 32 bits")
    else:
        return picture
    return Image.fromarray((shades // 257).astype(np.uint8))


class ImageRows:
    """The pictures of one split, memory-mapped.

    Args:
        folder: of the corpus.
        split: which.
        size: width and height in pixels.
    """

    def __init__(self, folder: Path, split: str, size: int) -> None:
        self._pixels = np.memmap(images_file(folder, split), dtype=np.uint8, mode="r").reshape(
            -1, size, size, CHANNELS
        )

    def __len__(self) -> int:
        return len(self._pixels)

    def take(self, places: np.ndarray) -> np.ndarray:
        """(places, 3, size, size) uint8."""
        return np.ascontiguousarray(self._pixels[places].transpose(0, 3, 1, 2))


def images_file(folder: Path, split: str) -> Path:
    """Where the pictures of a split are."""
    return folder / f"images-{split}.bin"
