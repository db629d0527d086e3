"""Exact counts of floating-point operations, matrix products only, as FlopCounterMode counts.

A product of (m, k) and (k, n) costs 2mkn. Padding is computed, so it is counted; so is the
upper triangle of causal attention and what lies outside a window, which kernels may skip.
Backward costs twice the forward. `6ND` is wrong at these sizes: attention, the vocabulary
projection at a fraction of the positions, and extra passes are not in it.
"""

from models.config import BackboneConfig
from models.places import Places

TRAINING_FACTOR = 3  # forward once, and backward for inputs and for weights


def linear_flops(positions: int, inputs: int, outputs: int) -> int:
    """One dense layer at `positions` positions, forward."""
    return 2 * positions * inputs * outputs


def backbone_flops(
    config: BackboneConfig, rows: int, length: int, places: Places | None = None
) -> int:
    """One forward pass over `rows` rows padded to `length` tokens.

    Args:
        config: of the backbone.
        rows: B.
        length: T.
        places: those that are read after the last layer, where `Encoder.states_at` is asked.
    """
    positions, queries = rows * length, config.num_layers * rows * length
    dense = linear_flops(positions, 1, config.matrix_weights)
    if places is not None and config.narrows(places):
        keys_and_values = 2 * config.hidden_size**2
        others = config.matrix_weights // config.num_layers - keys_and_values
        dense -= linear_flops(positions - len(places.flat), 1, others)
        queries -= positions - rows * places.most
    scores_and_mix = 2 * linear_flops(queries, config.attention_width, length)  # QK^T, then V
    return dense + scores_and_mix


def token_head_flops(config: BackboneConfig, vocabulary_size: int, positions: int) -> int:
    """`TokenHead` at `positions` supervised positions, forward."""
    width = config.hidden_size
    dense = 0 if config.plain_token_head else linear_flops(positions, width, width)
    return dense + linear_flops(positions, width, vocabulary_size)


def projector_flops(config: BackboneConfig, rows: int) -> int:
    """`Projector` on `rows` pooled vectors, forward."""
    return linear_flops(rows, config.hidden_size, config.hidden_size)
