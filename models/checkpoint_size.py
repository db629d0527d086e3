"""What a transformers checkpoint says of itself: its family, its sizes, and how it is opened."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from typing_extensions import override

from models.backbones.modern import ModernConfig
from models.batch import AttentionKind
from models.config import ACTIVATIONS, BackboneConfig

if TYPE_CHECKING:
    from models.backbone import Encoder

DROPOUTS = (
    "hidden_dropout_prob",
    "resid_pdrop",
    "embd_pdrop",
    "embedding_dropout",
    "mlp_dropout",
)
ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attn_pdrop", "attention_dropout")
SAME_ACTIVATION = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "swish": "silu"}


@dataclass(frozen=True, slots=True)
class Family:
    """What differs between the architectures of transformers that can be gone on from.

    Attributes:
        attention: that they were trained with.
        token_head: their names of `TokenHead`'s parameters.
    """

    attention: AttentionKind
    token_head: Mapping[str, str] = field(default_factory=dict)


_PREDICTIONS = "cls.predictions"
FAMILIES = {
    "bert": Family(
        "bidirectional",
        {
            "dense.weight": f"{_PREDICTIONS}.transform.dense.weight",
            "dense.bias": f"{_PREDICTIONS}.transform.dense.bias",
            "norm.weight": f"{_PREDICTIONS}.transform.LayerNorm.weight",
            "norm.bias": f"{_PREDICTIONS}.transform.LayerNorm.bias",
            "bias": f"{_PREDICTIONS}.bias",
        },
    ),
    "roberta": Family(
        "bidirectional",
        {
            "dense.weight": "lm_head.dense.weight",
            "dense.bias": "lm_head.dense.bias",
            "norm.weight": "lm_head.layer_norm.weight",
            "norm.bias": "lm_head.layer_norm.bias",
            "bias": "lm_head.bias",
        },
    ),
    "modernbert": Family(
        "bidirectional",
        {
            "dense.weight": "head.dense.weight",
            "dense.bias": "head.dense.bias",
            "norm.weight": "head.norm.weight",
            "norm.bias": "head.norm.bias",
            "bias": "decoder.bias",
        },
    ),
    "modernbert-decoder": Family(
        "causal",
        {
            "dense.weight": "lm_head.dense.weight",
            "dense.bias": "lm_head.dense.bias",
            "norm.weight": "lm_head.norm.weight",
            "norm.bias": "lm_head.norm.bias",
            "bias": "decoder.bias",
        },
    ),
    "gpt2": Family("causal"),
    "llama": Family("causal"),
    "mistral": Family("causal"),
    "qwen2": Family("causal"),
    "qwen3": Family("causal"),
}
"""By `model_type`. Each is held against transformers' own forward in the tests."""


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig(BackboneConfig):
    """The size of a checkpoint, and where it lies.

    Attributes:
        path: as the user named it.
        folder: where its files are on this machine; no part of what the run is.
        fingerprint: SHA-256 over its configuration and weights.
        family: its `model_type`.
        matrices: weights of all its layers' matrices, for the count of operations.
        heads_width: of all attention heads together.
        untied: whether its output matrix is not that of its embeddings.
        weights: `checkpoint`, or `random` for its architecture and tokenizer alone.
    """

    path: str
    folder: str = field(metadata={"written": False})
    fingerprint: str
    family: str
    matrices: int
    heads_width: int
    untied: bool
    weights: str = "checkpoint"

    @property
    def is_trained(self) -> bool:
        """Whether it begins with the checkpoint's weights."""
        return self.weights == "checkpoint"

    @property
    @override
    def found_as(self) -> str:
        return "pretrained"

    @property
    @override
    def matrix_weights(self) -> int:
        return self.matrices

    @override
    def build(self, vocabulary_size: int) -> "Encoder":
        from models.checkpoint import PretrainedBackbone

        return PretrainedBackbone(self, vocabulary_size)

    @override
    def built_beside(self) -> ModernConfig:
        """Blocks that turn queries and keys: its embeddings come without positions."""
        return ModernConfig(**self.shape)

    @property
    @override
    def attention_width(self) -> int:
        return self.heads_width

    @property
    @override
    def own_attention(self) -> AttentionKind:
        return FAMILIES[self.family].attention

    @property
    @override
    def rate_scale(self) -> float:
        """A twentieth: SimCSE goes on at 3e-5, BERT is fine-tuned at 2e-5 to 5e-5; not tuned."""
        return 0.05 if self.is_trained else 1.0

    @property
    @override
    def plain_token_head(self) -> bool:
        """Decoders multiply states by the output matrix and nothing else."""
        return not FAMILIES[self.family].token_head

    @property
    @override
    def untied_token_head(self) -> bool:
        return self.untied


def read_checkpoint(
    folder: Path,
    *,
    path: str,
    dropout: float | None = None,
    attention_dropout: float | None = None,
    weights: str = "checkpoint",
) -> PretrainedConfig:
    """What a checkpoint's own configuration says.

    Args:
        folder: with `config.json` and weights as safetensors.
        path: as the user named it.
        dropout: in place of the checkpoint's own, after embeddings and sublayers.
        attention_dropout: in place of its own, on the attention weights.
        weights: that training begins with.

    Raises:
        ValueError: a file is missing or unreadable, or the architecture is not known.
    """
    theirs = open_config(folder, path)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ValueError(
            f"model.path: {path} holds no *.safetensors; other formats run code when they are "
            "read. Convert it once with transformers: model.save_pretrained(FOLDER)"
        )
    for names, value, what in (
        (DROPOUTS, dropout, "dropout"),
        (ATTENTION_DROPOUTS, attention_dropout, "attention_dropout"),
    ):
        known = [name for name in names if hasattr(theirs, name)]
        if value and not known:
            other = "attention_dropout" if what == "dropout" else "dropout"
            raise ValueError(
                f"model.{what}: {theirs.model_type} has none to set; try model.{other}"
            )
    with torch.device("meta"):
        model = empty_model(theirs)
    names = ("hidden_act", "hidden_activation", "activation_function")
    activation = str(next(getattr(theirs, name) for name in names if hasattr(theirs, name)))
    activation = SAME_ACTIVATION.get(activation, activation)
    heads = theirs.num_attention_heads
    positions = theirs.max_position_embeddings
    return PretrainedConfig(
        hidden_size=theirs.hidden_size,
        num_layers=theirs.num_hidden_layers,
        num_heads=heads,
        intermediate_size=getattr(theirs, "intermediate_size", None) or 4 * theirs.hidden_size,
        max_length=positions - 2 if theirs.model_type == "roberta" else positions,
        dropout=highest(theirs, DROPOUTS) if dropout is None else dropout,
        attention_dropout=(
            highest(theirs, ATTENTION_DROPOUTS) if attention_dropout is None else attention_dropout
        ),
        activation=activation if activation in ACTIVATIONS else "gelu",
        initializer_range=theirs.initializer_range,
        layer_norm_eps=_epsilon(theirs),
        path=path,
        folder=str(folder),
        fingerprint=_fingerprint([folder / "config.json", *files]),
        weights=weights,
        family=theirs.model_type,
        matrices=sum(module.weight.numel() for module in model.modules() if _is_dense(module)),
        untied=not theirs.tie_word_embeddings,
        heads_width=heads * (getattr(theirs, "head_dim", None) or theirs.hidden_size // heads),
    )


def open_config(folder: Path, path: str) -> Any:
    """The checkpoint's own configuration object.

    Raises:
        ValueError: there is none, or its family is not known.
    """
    import transformers

    try:
        family = json.loads((folder / "config.json").read_text()).get("model_type")
        if family not in FAMILIES:
            raise ValueError(f"its family is {family!r}; known: {', '.join(FAMILIES)}")
        found = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # the library raises many kinds; all mean that it cannot be read
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise ValueError(f"model.path: {path} cannot be gone on from: {reason}") from error
    return found


def empty_model(theirs: Any) -> Any:
    """The architecture without its head, with weights of transformers' own drawing."""
    import transformers

    pooled = {"add_pooling_layer": False} if theirs.model_type in ("bert", "roberta") else {}
    return transformers.AutoModel.from_config(  # type: ignore[no-untyped-call]
        theirs, dtype=torch.float32, attn_implementation="sdpa", **pooled
    )


def _is_dense(module: nn.Module) -> bool:
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, nn.Linear | Conv1D)


def highest(theirs: Any, names: Sequence[str]) -> float:
    """Of its rates of these names."""
    found = [float(getattr(theirs, name)) for name in names if hasattr(theirs, name)]
    return max(found, default=0.0)


def _epsilon(theirs: Any) -> float:
    names = ("layer_norm_eps", "norm_eps", "layer_norm_epsilon", "rms_norm_eps")
    return float(next(getattr(theirs, name) for name in names if hasattr(theirs, name)))


def _fingerprint(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()
