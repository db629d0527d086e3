"""Resumable states on disk: weights, optimizer and what the loop knows. Nothing is unpickled."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runners.disk import sync
from runners.training.optimizer_state import load_optimizer, save_optimizer
from runners.training.weights import load_weights, save_tensors, sha256_of

KEPT = 2
"""So many are kept, so that there is another should the last one be damaged."""

WEIGHTS, OPTIMIZER, STATE = FILES = ("model.safetensors", "optimizer.safetensors", "state.json")
MANIFEST = "manifest.json"
"""Size and SHA-256 of each of the files, written last."""

_UNFINISHED = ".new"


class CheckpointError(RuntimeError):
    """There are checkpoints, and none of them is whole."""


class Checkpoints:
    """The checkpoints of one training: `checkpoints/STEP/` below its folder.

    Args:
        folder: of the training.
        say: told of each checkpoint that is damaged.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder / "checkpoints", say
        self._whole: list[Path] = []

    def save(
        self,
        step: int,
        weights: dict[str, Tensor],
        memory: dict[str, Any],
        state: dict[str, Any],
    ) -> None:
        """Add a checkpoint, and delete all but the last `KEPT` that are known to be whole.

        A kill at any moment leaves those before. One that cannot be finished is deleted.

        Args:
            step: updates taken.
            weights: of the model by name, kept in float32, as they are.
            memory: the optimizer's state.
            state: JSON-like; what else the loop needs to go on.

        Raises:
            OSError: the disk is full.
        """
        fresh, target = self._folder / f"{step}{_UNFINISHED}", self._folder / str(step)
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(parents=True)
            save_tensors(weights, fresh / WEIGHTS)
            save_optimizer(memory, fresh / OPTIMIZER)
            _write(fresh / STATE, state)
            _write(fresh / MANIFEST, {name: _facts(fresh / name) for name in FILES})
            sync(fresh)
            shutil.rmtree(target, ignore_errors=True)  # it was damaged, and went over by `load`
            os.replace(fresh, target)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        sync(self._folder)
        sync(self._folder.parent)
        self._whole = [*self._whole, target][-KEPT:]
        for other in self._folder.iterdir():
            if other not in self._whole:
                shutil.rmtree(other, ignore_errors=True)

    def load(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
        """Restore weights and optimizer in place from the newest checkpoint that is whole.

        Returns:
            The state, or None without a checkpoint.

        Raises:
            CheckpointError: all are damaged; none is deleted.
        """
        places = [path for path in self._folder.glob("*") if path.name.isdecimal()]
        damaged = []
        for place in sorted(places, key=lambda path: int(path.name), reverse=True):
            fault = _fault(place)
            if fault:
                damaged.append(f"that of step {place.name} ({fault})")
                self._say(f"the checkpoint of step {place.name} is damaged: {fault}")
                continue
            load_weights(model, place / WEIGHTS)
            load_optimizer(optimizer, place / OPTIMIZER)
            self._whole = [place]
            if damaged:
                self._say(f"going one step back, to the checkpoint of step {place.name}")
            state: dict[str, Any] = json.loads((place / STATE).read_text())
            return state
        if damaged:
            raise CheckpointError(
                f"every checkpoint in {self._folder} is damaged: {', '.join(damaged)}; delete "
                "that folder, and the same command trains from the beginning"
            )
        return None

    def remove(self) -> None:
        """Delete all of them: the training is finished."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content))
    sync(file)


def _facts(file: Path) -> dict[str, Any]:
    return {"size": file.stat().st_size, "sha256": sha256_of(file)}


def _fault(place: Path) -> str:
    """What is wrong with a checkpoint; empty where it is as it was written."""
    manifest = place / MANIFEST
    for path in (place, manifest, *(place / name for name in FILES)):
        if path.is_symlink():
            return f"{path.name} is a link"
    try:
        known = json.loads(manifest.read_text())
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (OSError, ValueError) as error:
        return f"{MANIFEST} cannot be read ({error})"
    if not isinstance(known, dict) or set(known) != set(FILES):
        return f"{MANIFEST} does not speak of its files"
    for name in FILES:
        try:
            found = _facts(place / name)
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error})"
        if found != known[name]:
            return f"{name} is not what {MANIFEST} says of it"
    return ""
