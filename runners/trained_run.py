"""A finished run found again: its weights and its tokenizer, without its corpus or objective."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from models.exports.choose import check_architecture
from models.exports.source import Source, load_source
from models.exports.tokenizer import roles_of
from models.initialization import weights_hash
from objectives.base import TrainModel
from results.integrity import damage
from results.record import RunRecord
from runners.configuration.read import model
from runners.training.checkpoint import WEIGHTS
from runners.training.trained import DamagedError, read_training

AGAIN = "the command that it came from makes it again"


@dataclass(frozen=True)
class TrainedRun:
    """What an export needs of a run.

    Attributes:
        source: the trained model.
        corpus: the folder of the corpus, with its tokenizer.
        pooling: how its objective makes a vector of states.
        longest: tokens of the longest row, special ones included.
    """

    source: Source
    corpus: Path
    pooling: str
    longest: int


def trained_run(record: RunRecord, output_dir: Path) -> TrainedRun:
    """Find what a record speaks of.

    Its objective is not needed, so that a run with a plugin is found without the plugin.

    Args:
        record: of one run.
        output_dir: that the run wrote to.

    Raises:
        ValueError: it is no finished training, its files are gone or are others than those that
            were measured, or it has an architecture that cannot be exported.
    """
    if record.kind != "run":
        raise ValueError(
            f"{record.name} is what trained models are compared with, and has no trained weights"
        )
    if record.status != "finished" or record.training is None:
        last = (record.error.strip() or "no reason is known").splitlines()[-1]
        raise ValueError(f"{record.name} did not finish ({last}); {AGAIN}")
    check_architecture(str(record.config["model"].get("architecture")))
    weights = output_dir / "models" / Path(record.training.folder).name / WEIGHTS
    if not weights.is_file():
        raise ValueError(f"{record.name}: its weights are gone from {weights}; {AGAIN}")
    try:
        read_training(weights.parent)
    except DamagedError as error:
        raise ValueError(f"{record.name}: {error}; {AGAIN}") from error
    corpus = _corpus(record, output_dir)
    _, roles = roles_of(corpus)
    try:
        source = load_source(
            model(record.config["model"]),
            load_file(weights),
            vocabulary_size=record.corpus.vocabulary_size,
            attention=record.traits["attention"],
            likelihood=record.traits["likelihood"],
            roles=roles,
        )
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{weights} does not hold the weights of {record.name}: {reason}") from (
            error
        )
    _check_weights(record, source, weights)
    return TrainedRun(
        source, corpus, str(record.traits.get("pooling", "mean")), record.corpus.sequence_length
    )


def _corpus(record: RunRecord, output_dir: Path) -> Path:
    """The folder of the corpus that was read, or another with the very same tokenizer."""
    found = {}
    for card in sorted((output_dir / "corpora").glob("*/card.json")):
        try:
            content = json.loads(card.read_text())
        except (OSError, ValueError):
            continue
        if content.get("tokenizer") == record.corpus.tokenizer and not damage(card.parent):
            found[content.get("fingerprint")] = card.parent
    if not found:
        raise ValueError(
            f"{record.name}: its corpus, whose tokenizer is needed, is gone from "
            f"{output_dir / 'corpora'} or damaged; {AGAIN}"
        )
    return found.get(record.corpus.fingerprint, next(iter(found.values())))


def _check_weights(record: RunRecord, source: Source, file: Path) -> None:
    """Raise ValueError where other weights were measured: a training may have been made again."""
    known = record.trained.weights_hash
    if source.other_heads or not known:
        return  # the hash is of all weights, and these heads are not known here
    heads: nn.ModuleDict = source.heads
    if weights_hash(TrainModel(source.backbone, heads)) != known:
        raise ValueError(
            f"{file} is not what {record.name} was measured with; delete the run's folder, and "
            f"{AGAIN}"
        )
