"""A common finish: every model is fine-tuned on the same examples, and then measured again.

Which objective should come before a supervised fine-tuning? Models before and after it, the
untrained one and the unchanged checkpoint among them, stand in one table; what other probes say
afterwards tells what was forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from models.initialization import seed_of
from objectives.contrastive import info_nce
from runners.measures.finetune import FinetuneConfig, Lesson, Student, learn
from runners.measures.text_model import EMBEDDED_AT_ONCE, TextModel

CANDIDATES = 1_000
"""At most so many second texts from which a pair held back is told."""


@dataclass(frozen=True, kw_only=True)
class FinishConfig(FinetuneConfig):
    """The recipe, the same for every model.

    Attributes:
        probe: on whose training examples: labels of a classification, or what is relevant to the
            queries of a search. Null for no finish.
        attention: `own`, or `bidirectional`, which lifts the mask of causal models.
        temperature: of the cosines of pairs.
    """

    probe: str | None = None
    attention: str = "own"
    temperature: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attention not in ("own", "bidirectional"):
            raise ValueError(f"attention is {self.attention!r}; known: own, bidirectional")
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it must be above 0")


class Pairs(Lesson):
    """Texts that belong together, each first told from the second texts of its batch.

    InfoNCE over the batch, the MultipleNegativesRankingLoss of sentence-transformers. No text
    stands twice in a batch, where it would be told from itself.

    Args:
        first, second: (N,) texts.
        temperature: of the cosines.
    """

    def __init__(self, first: Sequence[str], second: Sequence[str], temperature: float) -> None:
        self._sides, self._temperature = (list(first), list(second)), temperature
        self.targets = np.zeros(len(first), dtype=np.int64)
        self.groups = list(first)

    @override
    def head(self, width: int, seed: int) -> nn.Module:
        return nn.Identity()

    @override
    def batches(self, student: Student, places: np.ndarray, size: int) -> list[Any]:
        chosen: list[list[int]] = []
        texts: list[set[str]] = []
        for place in np.random.default_rng(0).permutation(places).tolist():
            own = {side[place] for side in self._sides}
            free = (i for i, held in enumerate(texts) if len(chosen[i]) < size and not held & own)
            number = next(free, None)
            if number is None:
                number = len(chosen)
                chosen.append([])
                texts.append(set())
            chosen[number].append(place)
            texts[number] |= own
        return [batch for batch in chosen if len(batch) > 1]

    @override
    def loss(self, student: Student, batch: Any) -> Tensor:
        first, second = (self._vectors(student, side, batch) for side in self._sides)
        return info_nce(first, second, self._temperature).mean()

    @override
    @torch.no_grad()
    def score(self, student: Student, places: np.ndarray) -> float:
        """The mean reciprocal rank of each one's own among the second texts held back."""
        held = places[:CANDIDATES].tolist()
        first, second = (self._vectors(student, side, held).double() for side in self._sides)
        if not (torch.isfinite(first).all() and torch.isfinite(second).all()):
            return -np.inf
        first, second = (nn.functional.normalize(side, dim=-1) for side in (first, second))
        cosines = first @ second.T
        ranks = 1 + (cosines > cosines.diagonal()[:, None]).sum(1)
        return float((1 / ranks.double()).mean())

    def _vectors(self, student: Student, side: Sequence[str], places: Sequence[int]) -> Tensor:
        """(places, D) float32."""
        texts = [side[place] for place in places]
        size = len(texts) if student.training else EMBEDDED_AT_ONCE
        parts, order = [], []
        for batch, own in student.model.corpus.text_batches(texts, batch_size=size):
            parts.append(student(batch).float())
            order += own
        return torch.cat(parts)[torch.tensor(order).argsort()]


def finish(
    model: TextModel, lesson: Lesson, config: FinishConfig, seed: int
) -> tuple[TextModel, str] | None:
    """The model after its fine-tuning, with the heads that it had, and what was chosen.

    Args:
        model: it is copied, not changed.
        lesson: the training examples.
        config: the recipe.
        seed: of the order and the dropout.

    Returns:
        None where every training diverged.
    """
    if config.attention == "bidirectional":
        model = model.with_attention("bidirectional")
    learned = learn(model, lesson, config, seed_of("finish", seed))
    if learned is None:
        return None
    return model.with_backbone(learned.student.backbone), learned.note
