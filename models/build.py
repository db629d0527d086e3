"""From a configuration to a backbone with its initial weights."""

from torch import nn

from models.backbone import Encoder
from models.blocks import Blocks
from models.checkpoint import PretrainedBackbone, load_pretrained_weights
from models.initialization import initialize


def set_initial_weights(backbone: Encoder, heads: nn.ModuleDict, seed: int) -> None:
    """Draw all weights from the seed; those that a checkpoint has are then taken from it.

    Args:
        backbone: as its configuration builds it.
        heads: of an objective; a `TokenHead` is called `lm`.
        seed: of the run.
    """
    for module, prefix in ((backbone, "backbone."), (heads, "heads.")):
        initialize(module, seed=seed, std=backbone.config.initializer_range, prefix=prefix)
        for part in module.modules():
            if isinstance(part, Blocks):
                part.config.begin(part)
    if isinstance(backbone, PretrainedBackbone) and backbone.config.is_trained:
        load_pretrained_weights(backbone, heads)
