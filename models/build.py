"""From a configuration to a backbone with its initial weights."""

from torch import nn

from models.backbone import Backbone, Encoder
from models.blocks import Blocks
from models.config import BackboneConfig
from models.initialization import initialize
from models.pretrained import PretrainedBackbone, load_pretrained_weights
from models.pretrained_size import PretrainedConfig


def build_backbone(config: BackboneConfig, vocabulary_size: int) -> Encoder:
    """Of our own blocks, or a checkpoint's architecture; weights are not set yet."""
    if isinstance(config, PretrainedConfig):
        return PretrainedBackbone(config, vocabulary_size)
    return Backbone(config, vocabulary_size)


def set_initial_weights(backbone: Encoder, heads: nn.ModuleDict, seed: int) -> None:
    """Draw all weights from the seed; those that a checkpoint has are then taken from it.

    Args:
        backbone: from `build_backbone`.
        heads: of an objective; a `TokenHead` is called `lm`.
        seed: of the run.
    """
    for module, prefix in ((backbone, "backbone."), (heads, "heads.")):
        initialize(module, seed=seed, std=backbone.config.initializer_range, prefix=prefix)
        for part in module.modules():
            if isinstance(part, Blocks) and part.config.zero_outputs:
                part.silence()
    if isinstance(backbone, PretrainedBackbone):
        load_pretrained_weights(backbone, heads)
