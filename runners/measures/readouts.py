"""Which of a model's states stand for a text: chosen on validation texts, from the same for all.

The last layer of a model that predicts tokens is about tokens, and the raw mean of its states is
nearly the same for all texts (Ethayarajh 2019); which layer is best differs by objective and task.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Readout:
    """One way to read a text's vector off a model.

    Attributes:
        layer: 0 for the embeddings, up to the number of blocks.
        layers: the number of blocks.
        centre: (D,) what is taken from every vector, or None.
    """

    layer: int
    layers: int
    centre: np.ndarray | None = None

    def __str__(self) -> str:
        centred = "" if self.centre is None else ", centred"
        return f"layer {self.layer} of {self.layers}{centred}"

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """(layers + 1, N, D), or of the last layer alone (1, N, D), to (N, D)."""
        vectors: np.ndarray = states[min(self.layer, len(states) - 1)]
        return vectors if self.centre is None else vectors - self.centre


def readouts(states: np.ndarray, layers: int, *, centred: bool = True) -> Iterator[Readout]:
    """All that there are, the last layer first, so that it is taken where others are no better.

    Args:
        states: (layers + 1, N, D) of texts, or (1, N, D) where only the last layer may be read;
            their mean is what centring takes away.
        layers: number of blocks.
        centred: offer each layer centred too.
    """
    for layer in range(layers, layers - len(states), -1):
        yield Readout(layer, layers)
        if centred:
            yield Readout(layer, layers, states[layer - layers - 1].mean(0))


def best_readout(states: np.ndarray, layers: int, score: Callable[[Readout], float]) -> Readout:
    """The readout with the highest score on validation texts; of equals the first."""
    return max(readouts(states, layers), key=score)
