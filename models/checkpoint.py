"""A backbone that goes on from a transformers checkpoint, under any attention mask."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.backbone import BackboneOutput, Encoder
from models.batch import Attention, Batch
from models.checkpoint_size import (
    ATTENTION_DROPOUTS,
    DROPOUTS,
    FAMILIES,
    PretrainedConfig,
    empty_model,
    highest,
    open_config,
)


class PretrainedBackbone(Encoder):
    """A transformers model without its head, its mask given by `Attention`.

    Args:
        config: of the checkpoint.
        vocabulary_size: number of token ids, V, those that the checkpoint lacks included.
    """

    def __init__(self, config: PretrainedConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config: PretrainedConfig = config
        theirs = open_config(Path(config.folder), config.path)
        self.checkpoint_tokens = theirs.vocab_size
        theirs.vocab_size = vocabulary_size
        theirs.use_cache = False
        for special in ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id"):
            place = getattr(theirs, special, None)
            if isinstance(place, int) and place >= vocabulary_size:
                setattr(theirs, special, None)
        for names, value in (
            (DROPOUTS, config.dropout),
            (ATTENTION_DROPOUTS, config.attention_dropout),
        ):
            if value != highest(theirs, names):  # each of its own otherwise, if they differ
                for name in names:
                    if hasattr(theirs, name):
                        setattr(theirs, name, value)
        self.window: int | None = None
        if config.family.startswith("modernbert"):
            self.window = theirs.sliding_window
        self.model = empty_model(theirs)

    @property
    def token_embedding(self) -> nn.Embedding:  # type: ignore[override]
        """(V, D), under its own name within the model."""
        found: nn.Embedding = self.model.get_input_embeddings()
        return found

    @override
    def forward(
        self,
        batch: Batch,
        *,
        attention: Attention,
        layers: Sequence[int] = (),
        dropout: float | None = None,
    ) -> BackboneOutput:
        """Hidden states of a batch, as `Backbone.forward`; the last layer's are normalised.

        A `dropout` holds wherever the checkpoint's architecture has some, on attention too: some
        have it nowhere else.
        """
        if dropout is not None and self.training:
            with self._dropped(dropout):
                return self(batch, attention=attention, layers=layers)  # type: ignore[no-any-return]
        mask: Any = attention.matrix(batch.attention_mask)[:, None]
        if self.window is not None:
            narrow = attention.matrix(batch.attention_mask, self.window)[:, None]
            mask = {"full_attention": mask, "sliding_attention": narrow}
        output = self.model(
            input_ids=batch.input_ids, attention_mask=mask, output_hidden_states=bool(layers)
        )
        hidden = output.hidden_states if layers else ()
        return BackboneOutput(output.last_hidden_state, tuple(hidden[layer] for layer in layers))

    @override
    def recompute(self) -> None:
        """As transformers does it, older versions of which have another name for it."""
        name = "activation_checkpointing_enable"
        if not hasattr(self.model, name):
            name = "gradient_checkpointing_enable"
        getattr(self.model, name)({"use_reentrant": False})

    @contextlib.contextmanager
    def _dropped(self, rate: float) -> Iterator[None]:
        """Another rate in every place that has one."""
        places = [(m, "p") for m in self.model.modules() if isinstance(m, nn.Dropout)]
        places += [
            (m, "attention_dropout")
            for m in self.model.modules()
            if isinstance(getattr(m, "attention_dropout", None), float)
        ]
        before = [getattr(module, name) for module, name in places]
        try:
            for module, name in places:
                setattr(module, name, rate)
            yield
        finally:
            for (module, name), own in zip(places, before, strict=True):
                setattr(module, name, own)

    @override
    def embed(self, input_ids: Tensor) -> Tensor:
        """(B, T) ids to (B, T, D), without positions: those are the layers' own affair."""
        return self.token_embedding(input_ids)  # type: ignore[no-any-return]


@torch.no_grad()
def load_pretrained_weights(backbone: PretrainedBackbone, heads: nn.ModuleDict) -> None:
    """Replace initial weights by the checkpoint's, in place.

    Rows of tokens that the checkpoint lacks keep their initial noise around the mean of those
    that it has (Hewitt 2021), so that they take no probability from the others.

    Args:
        backbone: on the CPU.
        heads: of an objective; a `TokenHead` is called `lm`.

    Raises:
        ValueError: weights are missing or damaged.
    """
    config = backbone.config
    loaded, loading = _their_weights(config)
    missing: set[str] = set(loading["missing_keys"])
    body, prefix = loaded.base_model.state_dict(), f"{loaded.base_model_prefix}."
    for name, parameter in backbone.model.named_parameters():
        if missing & {name, prefix + name}:
            raise ValueError(f"model.path: {config.path} lacks the weights {name}")
        _copy_rows(parameter, body[name])
    if "lm" not in heads:
        return
    states = loaded.state_dict()
    wanted = dict(FAMILIES[config.family].token_head)
    if config.untied_token_head:
        wanted["decoder.weight"] = "lm_head.weight"
    for name, their_name in wanted.items():
        if their_name in states and their_name not in missing:
            _copy_rows(heads["lm"].get_parameter(name), states[their_name])


def _copy_rows(own: Tensor, theirs: Tensor) -> None:
    """As many rows as both have; further rows of a matrix are moved to the mean of theirs."""
    rows = min(len(own), len(theirs))
    own[:rows] = theirs[:rows].to(own.dtype)
    if own.dim() > 1 and len(own) > rows:
        own[rows:] += theirs.mean(0).to(own.dtype)


def _their_weights(config: PretrainedConfig) -> tuple[Any, dict[str, Any]]:
    import transformers

    bidirectional = config.own_attention == "bidirectional"
    kind = transformers.AutoModelForMaskedLM if bidirectional else transformers.AutoModelForCausalLM
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        found: Any = kind.from_pretrained(
            config.folder,
            dtype=torch.float32,
            output_loading_info=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except Exception as error:  # as above
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise ValueError(f"model.path: {config.path} cannot be loaded: {reason}") from error
    finally:
        transformers.logging.set_verbosity(before)
    model, loading = found
    return model, loading
