"""Weights on disk, as safetensors, and by which hash a file is known to be the one written."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from runners.disk import as_os_error, sync
from runners.sharding import load_whole


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers (a norm's running mean) by name, each once."""
    names = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    return {name: value for name, value in model.state_dict().items() if name in names}


def load_weights(model: nn.Module, file: Path) -> None:
    """Parameters and buffers by name, in place.

    Raises:
        RuntimeError: names or shapes differ from those saved.
    """
    load_whole(model, load_file(file))


def save_tensors(
    tensors: Mapping[str, Tensor], file: Path, metadata: dict[str, str] | None = None
) -> None:
    """Tensors by name, brought to the disk.

    Raises:
        OSError: the disk is full.
    """
    content = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        save_file(content, file, metadata)
    except SafetensorError as error:
        raise as_os_error(error) from error
    sync(file)


def sha256_of(file: Path) -> str:
    """Of the bytes of a file, in hexadecimal."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
