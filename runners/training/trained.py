"""A training on disk: what is known of it, beside weights that are known by their hash."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from objectives.base import TrainModel
from results.integrity import read_sealed, sealed
from runners.disk import write_whole
from runners.training.budget import Ledger
from runners.training.checkpoint import WEIGHTS
from runners.training.weights import save_tensors, sha256_of, weights_of

FACTS = "training.json"


class DamagedError(ValueError):
    """The files of a finished training are not as they were written."""


@dataclass
class Training:
    """What is known of a training, finished or under way.

    Attributes:
        ledger: what was spent.
        init_hash: of the backbone's weights before the first step.
        rows_hash: chain of SHA-256 over the ids of the rows received, in order.
        rows_hash_at: that hash after 1, 2, 4, 8, ... rows: two runs read the same stream as far
            as these agree, whatever their batch sizes.
        curve: points with step, tokens, flops, seconds, progress, learning_rate, loss (mean of
            the objective's total since the last point) and, at some, what was measured there.
        weights_sha256: of the file of the trained weights; empty where there is none.
        rows_at_once: to which memory that was short has brought them; None where it never was.
    """

    ledger: Ledger
    init_hash: str
    rows_hash: str = ""
    rows_hash_at: dict[str, str] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    weights_sha256: str = ""
    rows_at_once: int | None = None

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Training":
        """What `asdict` made of one."""
        return cls(**{**content, "ledger": Ledger(**content["ledger"])})


@dataclass(frozen=True, slots=True)
class Trained:
    """A model after its training.

    Attributes:
        model: backbone and heads, in evaluation mode.
        training: its ledger, hashes and curve.
        folder: where weights and measurements are kept.
    """

    model: TrainModel
    training: Training
    folder: Path


def write_training(folder: Path, training: Training, model: TrainModel | None) -> None:
    """Finish a training: its weights first, then what is known of it.

    Args:
        folder: of the training.
        training: is told the hash of the weights.
        model: None where nothing was trained.

    Raises:
        OSError: the disk is full.
    """
    if model is not None:
        save_tensors(weights_of(model), folder / WEIGHTS)
        training.weights_sha256 = sha256_of(folder / WEIGHTS)
    write_whole(folder / FACTS, sealed(asdict(training)))


def read_training(folder: Path) -> Training | None:
    """What is known of a finished training, whose weights are then as they were written.

    Returns:
        None where it is not finished.

    Raises:
        DamagedError: it is finished, and a file is missing or damaged.
    """
    try:
        content = (folder / FACTS).read_text()
    except FileNotFoundError:
        return None
    facts = read_sealed(folder / FACTS)
    try:  # earlier versions wrote no checksum
        training = Training.from_json(json.loads(content) if facts is None else facts)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedError(f"{folder / FACTS} is not as it was written") from error
    weights, known = folder / WEIGHTS, training.weights_sha256
    if known and not weights.is_file():
        raise DamagedError(f"{weights} is missing")
    if known and sha256_of(weights) != known:
        raise DamagedError(f"{weights} is not as it was written")
    return training
