"""What a user says of the model: sizes of our own blocks, or a checkpoint to go on from."""

from dataclasses import dataclass
from functools import lru_cache

from models.checkpoint_size import PretrainedConfig, read_checkpoint
from runners.hub import model_folder

CHECKPOINT_FILES = ("*.json", "*.safetensors")


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """A checkpoint of transformers, its family's sizes and all.

    Attributes:
        architecture: always `pretrained`.
        path: a folder, or a hub name, or a hub name with `@` and a branch, tag or commit.
        dropout: after embeddings and sublayers; null keeps the checkpoint's own.
        attention_dropout: on the attention weights; null keeps its own.
        weights: `checkpoint`, or `random` to train its architecture from scratch with its
            tokenizer, beside models that go on from it.
        fingerprint: what it must be, where it was read before; null for whatever is there.
    """

    architecture: str
    path: str
    dropout: float | None = None
    attention_dropout: float | None = None
    weights: str = "checkpoint"
    fingerprint: str | None = None

    def __post_init__(self) -> None:
        if self.weights not in ("checkpoint", "random"):
            raise ValueError(f"weights is {self.weights!r}; known: checkpoint, random")
        for name in ("dropout", "attention_dropout"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < 1.0:
                raise ValueError(f"{name} is {value}; it must lie in [0, 1), or be null")

    def read(self) -> PretrainedConfig:
        """Fetch it if need be, and read its configuration.

        Raises:
            ValueError: it is not there, is not what it was, or cannot be gone on from.
        """
        found = _read(self)
        if self.fingerprint not in (None, found.fingerprint):
            raise ValueError(
                f"model.path: {self.path} is no longer what it was when this was written: run the "
                "command again that it came from"
            )
        return found


@lru_cache(maxsize=8)
def _read(config: CheckpointConfig) -> PretrainedConfig:
    try:
        folder = model_folder(config.path, CHECKPOINT_FILES)
    except ValueError as error:
        raise ValueError(f"model.path: {error}") from error
    return read_checkpoint(
        folder,
        path=config.path,
        dropout=config.dropout,
        attention_dropout=config.attention_dropout,
        weights=config.weights,
    )
