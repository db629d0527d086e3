"""Sentence permutation: one of BART's noises (Lewis et al. 2020), in one stack."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from models.vocabulary import Vocabulary
from objectives.denoising import Denoising, Draws


@dataclass(frozen=True, kw_only=True)
class Permutation(Denoising):
    """Shuffle the sentences of a row, and rebuild the whole text.

    A sentence ends after a token that ends in a full stop, a question or exclamation mark, or a
    line end. A row of one sentence is left as it is, and its target is a copy.
    """

    PURPOSES = ("order",)

    @override
    def noise(
        self, ids: Sequence[int], draws: Draws, vocabulary: Vocabulary
    ) -> tuple[list[int], list[int]]:
        """Sentences in random order; the text."""
        ends = vocabulary.ends_sentence[list(ids)].nonzero().flatten() + 1
        bounds = sorted({0, *ends.tolist(), len(ids)})
        sentences = [ids[start:stop] for start, stop in itertools.pairwise(bounds)]
        order = np.argsort(draws["order"][: len(sentences)], kind="stable")
        return [token for index in order for token in sentences[index]], list(ids)
