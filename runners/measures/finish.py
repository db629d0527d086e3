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
from scipy.stats import spearmanr
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
            queries of a search, or tags, or scored pairs. Null for no finish.
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
        first, second = (_vectors(student, side, batch) for side in self._sides)
        return info_nce(first, second, self._temperature).mean()

    @override
    @torch.no_grad()
    def score(self, student: Student, places: np.ndarray) -> float:
        """The mean reciprocal rank of each one's own among the second texts held back.

        A tie counts as half a place: vectors that are all the same find nothing.
        """
        held = places[:CANDIDATES].tolist()
        first, second = (_vectors(student, side, held).double() for side in self._sides)
        if not (torch.isfinite(first).all() and torch.isfinite(second).all()):
            return -np.inf
        first, second = (nn.functional.normalize(side, dim=-1) for side in (first, second))
        cosines = first @ second.T
        own = cosines.diagonal()[:, None]
        ranks = 0.5 + ((cosines > own).double() + (cosines >= own).double()).sum(1) / 2
        return float((1 / ranks).mean())


class Scored(Lesson):
    """Pairs of texts, each with how alike its two are; only the order of the scores counts.

    CoSENT (Su 2022; CoSENTLoss of sentence-transformers): `log(1 + sum exp((c_j - c_i) / t))` over
    all i, j of a batch whose scores are s_i > s_j, of cosines c.

    Args:
        first, second: (N,) texts.
        scores: (N,) how alike.
        temperature: t.
    """

    def __init__(
        self,
        first: Sequence[str],
        second: Sequence[str],
        scores: Sequence[float],
        temperature: float,
    ) -> None:
        self._sides, self._temperature = (list(first), list(second)), temperature
        self._scores = np.array(scores, dtype=np.float64)
        self.targets, self.groups = np.zeros(len(first), dtype=np.int64), list(first)

    @override
    def head(self, width: int, seed: int) -> nn.Module:
        return nn.Identity()

    @override
    def batches(self, student: Student, places: np.ndarray, size: int) -> list[Any]:
        order = np.random.default_rng(0).permutation(places).tolist()
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        return [batch for batch in batches if np.ptp(self._scores[batch]) > 0]

    @override
    def loss(self, student: Student, batch: Any) -> Tensor:
        cosines = self._cosines(student, batch) / self._temperature
        scores = torch.from_numpy(self._scores[batch]).to(cosines.device)
        wrong = cosines[None, :] - cosines[:, None]  # (B, B), c_j - c_i
        ordered = scores[:, None] > scores[None, :]
        return torch.cat([wrong.new_zeros(1), wrong[ordered]]).logsumexp(0)

    @override
    @torch.no_grad()
    def score(self, student: Student, places: np.ndarray) -> float:
        """Spearman's correlation of cosines with scores."""
        cosines = self._cosines(student, places.tolist()).double().cpu().numpy()
        scores = self._scores[places]
        if not np.isfinite(cosines).all():
            return -np.inf
        if not (np.ptp(cosines) and np.ptp(scores)):
            return 0.0
        return float(spearmanr(cosines, scores).statistic)

    def _cosines(self, student: Student, places: Sequence[int]) -> Tensor:
        first, second = (_vectors(student, side, places) for side in self._sides)
        return nn.functional.cosine_similarity(first, second)


def _vectors(student: Student, side: Sequence[str], places: Sequence[int]) -> Tensor:
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
