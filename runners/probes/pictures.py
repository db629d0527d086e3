"""Pictures of a split with their captions: the examples of finding one by the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runners.corpora.corpus import Corpus
from runners.probes.shown import Shown


@dataclass(frozen=True)
class Pictures:
    """Pictures of a split with their captions.

    Attributes:
        pixels: (N, 3, size, size) uint8.
        captions: (N,).
        categories: (N,), "" where the corpus knows none.
        groups: (N,) units of resampling; without, each picture is one.
    """

    pixels: np.ndarray
    captions: Sequence[str]
    categories: Sequence[str]
    groups: Sequence[str] = ()

    @classmethod
    def of(cls, corpus: Corpus, split: str, limit: int) -> "Pictures":
        """Those of a split, spread over it where there are more than `limit`."""
        table, documents = corpus.rows(split).table, corpus.documents(split)
        with_image = table[table["image"] > 0]
        if len(with_image) > limit:
            with_image = with_image[np.linspace(0, len(with_image) - 1, limit).astype(int)]
        places = with_image["document"]
        return cls(
            corpus.images(split).take(with_image["image"] - 1),
            documents["text"].iloc[places].tolist(),
            documents["label"].iloc[places].tolist(),
            documents["group"].iloc[places].tolist(),
        )

    @property
    def category_names(self) -> list[str]:
        """Sorted, those without a name left out."""
        return sorted({name for name in self.categories if name})

    def shown(self, metrics: Sequence[str], places: Sequence[int], choices: Sequence[str]) -> Shown:
        """Some of them, by caption and category."""
        return Shown(
            metrics=metrics,
            header=("caption", "category"),
            texts=[(self.captions[place], self.categories[place]) for place in places],
            choices=choices,
        )
