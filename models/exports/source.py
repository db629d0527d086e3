"""A trained model as an export reads it, and what an export makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from models.backbone import Encoder
from models.batch import AttentionKind
from models.config import BackboneConfig
from models.heads import Discriminator, TokenHead

Kind = Literal["masked", "causal", "prefix", "discriminator", "body"]
"""What a folder holds: a model with the head that reads so, or one without a head. `prefix`: texts
become vectors from both sides, and the head foretells them from left to right."""

ACTIVATIONS = {"gelu_tanh": "gelu_pytorch_tanh"}
"""Their names of our activations, where they differ."""

WHY = {
    "lm": "no class has a token head that is read under this attention as it was trained",
    "discriminator": "only ELECTRA has such a head, on the blocks of `vanilla`",
    "image_tower": "the dual encoders of transformers hold vision classes that normalize before "
    "their blocks, and this tower normalizes after them, has sinusoids for places, and averages "
    "its patches",
    **dict.fromkeys(
        ("first_projection", "second_projection", "logit_scale"),
        "the dual encoders of transformers project the output of a text model's pooler, and this "
        "one was trained on the pooled states themselves",
    ),
}
NO_CLASS = "no class of transformers has it"
"""Why a head stays behind: of those that transformers knows, and of all others."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Token ids that a configuration of transformers names by role.

    Attributes:
        cls_id, sep_id, pad_id, mask_id: of the first and the last token of a row, of what fills
            it up, and of a hidden token.
    """

    cls_id: int
    sep_id: int
    pad_id: int
    mask_id: int


@dataclass(frozen=True, kw_only=True)
class Source:
    """A trained model.

    Attributes:
        config: of the backbone.
        backbone: in evaluation mode, on the CPU.
        heads: those that transformers has too: `lm` and `discriminator`.
        other_heads: names of those that it has not.
        attention: who may look at whom when the model is used: `bidirectional` or `causal`.
        likelihood: how the model scores a text, as its objective states (objectives/traits.py).
        roles: of its tokenizer's ids.
    """

    config: BackboneConfig
    backbone: Encoder
    heads: nn.ModuleDict
    other_heads: tuple[str, ...]
    attention: AttentionKind
    likelihood: str
    roles: Roles

    @property
    def kind(self) -> Kind:
        """By its heads, the best that a class could hold."""
        if "lm" in self.heads and self.likelihood == "causal":
            return "causal" if self.attention == "causal" else "prefix"
        if self.attention == "bidirectional":
            if "lm" in self.heads and self.likelihood in ("pseudo", "pseudo_next"):
                return "masked"
            if "discriminator" in self.heads:
                return "discriminator"
        return "body"

    @property
    def token_head(self) -> TokenHead | None:
        """Its token head, where that is exported."""
        head = self.heads["lm"] if self.kind in ("masked", "causal", "prefix") else None
        return head if isinstance(head, TokenHead) else None

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return self.backbone.token_embedding.num_embeddings

    def left_out(self, taken: Kind) -> dict[str, str]:
        """Every head that is not part of what is taken, and why.

        Args:
            taken: what the export holds.
        """
        kept = {"body": "", "discriminator": "discriminator"}.get(taken, "lm")
        left = [name for name in (*self.heads, *self.other_heads) if name != kept]
        return {name: WHY.get(name, NO_CLASS) for name in left}


@dataclass(frozen=True)
class Exported:
    """What an export made.

    Attributes:
        model: of transformers, with the trained weights.
        kind: which head it has.
        left_out: heads that it has not, and why.
    """

    model: Any
    kind: Kind
    left_out: Mapping[str, str] = field(default_factory=dict)


def load_source(
    config: BackboneConfig,
    states: Mapping[str, Tensor],
    *,
    vocabulary_size: int,
    attention: AttentionKind,
    likelihood: str,
    roles: Roles,
) -> Source:
    """Build a model and give it its weights.

    Args:
        config: of the backbone.
        states: by name, as a training saved them: `backbone.` and `heads.NAME.` before each.
        vocabulary_size: V.
        attention: see `Source`.
        likelihood: see `Source`.
        roles: see `Source`.

    Raises:
        RuntimeError: names or shapes of the backbone's weights differ from those saved.
    """
    backbone = config.build(vocabulary_size)
    backbone.load_state_dict(_below("backbone.", states), strict=True)
    heads, others = nn.ModuleDict(), []
    for name in sorted({name.split(".")[1] for name in states if name.startswith("heads.")}):
        head = _known_head(name, config, vocabulary_size)
        own = _below(f"heads.{name}.", states)
        if head is not None and _shapes(head.state_dict()) == _shapes(own):
            head.load_state_dict(own)
            heads[name] = head
        else:
            others.append(name)
    return Source(
        config=config,
        backbone=backbone.eval(),
        heads=heads.eval(),
        other_heads=tuple(others),
        attention=attention,
        likelihood=likelihood,
        roles=roles,
    )


@torch.no_grad()
def fill(model: Any, weights: Mapping[str, Tensor]) -> Any:
    """Give a model of transformers its weights.

    Args:
        model: as its configuration builds it.
        weights: by its own names; of tied ones any.

    Returns:
        The model, in evaluation mode.
    """
    given = {name: value.detach().clone() for name, value in weights.items()}
    unexpected = model.load_state_dict(given, strict=False).unexpected_keys
    assert not unexpected, f"{type(model).__name__} has no {', '.join(unexpected)}"
    states = model.state_dict()
    filled = {states[name].data_ptr() for name in given}
    missing = [name for name, p in model.named_parameters() if p.data_ptr() not in filled]
    assert not missing, f"{', '.join(missing)} of {type(model).__name__} would be drawn at random"
    return model.eval()


def _below(prefix: str, states: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): value for n, value in states.items() if n.startswith(prefix)}


def _known_head(name: str, config: BackboneConfig, vocabulary_size: int) -> nn.Module | None:
    if name == "lm":
        return TokenHead(config, vocabulary_size)
    return Discriminator(config) if name == "discriminator" else None


def _shapes(states: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in states.items()}
