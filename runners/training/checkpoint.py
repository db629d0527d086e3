"""A resumable state on disk: weights, optimizer and what the loop knows. Nothing is unpickled."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

_FOLDER = "checkpoint"


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]
) -> None:
    """Replace the checkpoint below `folder`; a kill at any moment leaves the old or the new one.

    Args:
        folder: of the run.
        model: whose weights are kept in float32, as they are.
        optimizer: its state is kept.
        state: JSON-like; what else the loop needs to go on.
    """
    fresh, old, current = (folder / f"{_FOLDER}{end}" for end in (".new", ".old", ""))
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_weights(model, fresh / "model.safetensors")
    torch.save(optimizer.state_dict(), fresh / "optimizer.pt")
    (fresh / "state.json").write_text(json.dumps(state))
    for file in fresh.iterdir():
        _sync(file)
    shutil.rmtree(old, ignore_errors=True)
    if current.exists():
        os.replace(current, old)
    os.replace(fresh, current)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Any] | None:
    """Restore weights and optimizer in place; the state, or None without a checkpoint."""
    for name in (_FOLDER, f"{_FOLDER}.old"):  # killed between two renames, only the old is there
        found = folder / name
        if (found / "state.json").is_file():
            load_weights(model, found / "model.safetensors")
            saved = torch.load(found / "optimizer.pt", weights_only=True)
            optimizer.load_state_dict(saved)
            state: dict[str, Any] = json.loads((found / "state.json").read_text())
            return state
    return None


def remove_checkpoint(folder: Path) -> None:
    """Delete what `save_checkpoint` wrote: the run is finished."""
    for end in (".new", ".old", ""):
        shutil.rmtree(folder / f"{_FOLDER}{end}", ignore_errors=True)


def save_weights(model: nn.Module, file: Path) -> None:
    """All parameters and buffers (a norm's running mean) by name, each once, as safetensors."""
    names = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    state = {name: value for name, value in model.state_dict().items() if name in names}
    save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, file)


def load_weights(model: nn.Module, file: Path) -> None:
    """Parameters and buffers by name, in place.

    Raises:
        RuntimeError: names or shapes differ from those saved.
    """
    model.load_state_dict(load_file(file), strict=True)


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
