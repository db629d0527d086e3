"""Which of a model's states stand for a text: chosen on validation texts, from the same for all.

The last layer of a model that predicts tokens is about tokens, and the raw mean of its states is
nearly the same for all texts (Ethayarajh 2019); which layer is best differs by objective and task.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from runners.measures.read_once import choosing


@dataclass(frozen=True, slots=True)
class States:
    """Vectors of N texts, or words, in every way in which they may be read off a model.

    Attributes:
        values: (P, L, N, D) float32, by pooling and layer; the last layer is the last.
        layers: number of blocks, of which the last layer is one.
        poolings: P names; the first is taken where nothing is chosen.
    """

    values: np.ndarray
    layers: int
    poolings: tuple[str, ...] = ("",)

    def __add__(self, other: "States") -> "States":
        """Of these texts, and then those."""
        return replace(self, values=np.concatenate([self.values, other.values], 2))

    def __getitem__(self, texts: np.ndarray | slice) -> "States":
        """Of some of the texts."""
        return replace(self, values=self.values[:, :, texts])

    @property
    def by_text(self) -> np.ndarray:
        """(N, P, L, D)."""
        return np.moveaxis(self.values, 2, 0)


@dataclass(frozen=True, slots=True)
class Readout:
    """One way to read a text's vector off a model.

    Attributes:
        layer: 0 for the embeddings, up to the number of blocks.
        layers: the number of blocks.
        pooling: place and name.
        centre: (D,) what is taken from every vector, or None.
    """

    layer: int
    layers: int
    pooling: tuple[int, str] = (0, "")
    centre: np.ndarray | None = None

    def __str__(self) -> str:
        name = self.pooling[1]
        pooled = f", {name}" if name else ""
        centred = "" if self.centre is None else ", centred"
        return f"layer {self.layer} of {self.layers}{pooled}{centred}"

    def __call__(self, states: States) -> np.ndarray:
        """(N, D)."""
        vectors: np.ndarray = states.values[self.pooling[0], self.layer - self.layers - 1]
        return vectors if self.centre is None else vectors - self.centre


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and from what.

    Attributes:
        readout: the one that is taken.
        options: the score of each that was offered, on validation texts; empty where none was.
    """

    readout: Readout
    options: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, offered: Sequence[Readout], place: int, scores: Sequence[float]) -> "Choice":
        """The one at a place, of those with these scores; without scores nothing was chosen."""
        named = zip(map(str, offered), scores, strict=True) if scores else ()
        return cls(offered[place], dict(named))


def unchosen(states: States) -> Choice:
    """The last layer under the first pooling, where nothing can be chosen on."""
    return Choice(next(readouts(states)))


def readouts(states: States, *, centred: bool = True) -> Iterator[Readout]:
    """All that there are, the last layer first, so that it is taken where others are no better.

    Args:
        states: of validation texts; their mean is what centring takes away.
        centred: offer each centred too.
    """
    for below in range(states.values.shape[1]):
        for place, name in enumerate(states.poolings):
            plain = Readout(states.layers - below, states.layers, (place, name))
            yield plain
            if centred:
                yield replace(plain, centre=plain(states).mean(0))


def best_readout(
    states: States, score: Callable[[Readout], float], *, centred: bool = True
) -> Choice:
    """The readout with the highest score on validation texts; of equals the first.

    Args:
        states: of validation texts.
        score: of a readout.
        centred: offer each centred too.

    Raises:
        ReadWhileChoosingError: the score reads test examples.
    """
    offered = list(readouts(states, centred=centred))
    with choosing():
        scores = [score(readout) for readout in offered]
    return Choice.of(offered, int(np.argmax(scores)), scores)
