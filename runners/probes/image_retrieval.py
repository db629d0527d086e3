"""The probe of image and caption: finding one by the other among unseen ones, and by category."""

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.feature_extraction.text import TfidfVectorizer
from typing_extensions import override

from objectives.clip import CLIP
from results.facts import CUT
from results.record import SHUFFLED, Metric
from runners.corpora.corpus import Corpus
from runners.measures.measurement import Measurement, mean_of, not_numbers
from runners.measures.read_once import ReadOnce
from runners.measures.text_model import TextModel
from runners.probes.base import (
    NotApplicableError,
    Probe,
    Seen,
    Task,
    share_cut,
    shuffled,
    without_zeros,
)
from runners.probes.classification import WORDS
from runners.probes.pictures import Pictures
from runners.probes.retrieval import normalized, ranks_of_own
from runners.probes.shown import Shown

MIN_IMAGES = 10
RECALLS = (1, 5, 10)
DIRECTIONS = ("image_to_text", "text_to_image")
ZERO_SHOT = Metric("zero_shot_category", "category by its name")
NEIGHBOURS = 5
"""Training pictures that the simple method looks at."""

THUMBNAIL = 8
"""Pixels to either side of what the simple method compares."""

EXHIBITS = 6
SHOWN = 3
"""Best captions and pictures that an example shows."""


def recall(direction: str, k: int) -> Metric:
    """The share whose own is among the first k."""
    return Metric(f"{direction}_recall_at_{k}", f"{direction.replace('_', ' ')}, recall@{k}")


def in_category(direction: str, category: str = "") -> Metric:
    """The share whose own is the first of its category; of one category alone, if named."""
    part = f" of {category}" if category else ""
    title = f"{direction.replace('_', ' ')}, recall@1 in category{part}"
    return Metric(f"{direction}_recall_at_1_in_category{part}", title)


class ImageRetrievalTask(Task):
    """Held-out pictures and captions, all against all.

    Args:
        pictures: those to test on.
        training: what the simple method may look at.
        seen: what models read of a text.
    """

    def __init__(self, pictures: Pictures, training: Pictures, *, seen: Seen = list) -> None:
        self.test, self._training, self._seen = ReadOnce(pictures), training, seen
        self._groups = list(pictures.groups) or [str(i) for i in range(len(pictures.captions))]
        self._names = pictures.category_names

    @override
    def evaluate(self, model: TextModel, *, seed: int) -> list[Measurement]:
        """Recall both ways, within each category, and categories told by their names alone."""
        towers = [found for found in model.objectives if isinstance(found, CLIP)]
        if not towers or "image_tower" not in model.model.heads:
            return self._unmeasured("no image tower")
        test = self.test.read()
        pictures = self._encode_pictures(model, test.pixels)
        captions, names = (
            self._encode_texts(model, towers[0], texts) for texts in (test.captions, self._names)
        )
        reason = not_numbers("vectors", np.concatenate([pictures, captions, names]))
        if reason:
            return self._unmeasured(reason)
        similarities = pictures @ captions.T
        found = self._measure(similarities)
        if self._names:
            found.append(self._zero_shot(pictures @ names.T))
        exhibits = tuple(self._exhibits(similarities))
        return [replace(found[0], exhibits=exhibits), *found[1:]]

    @override
    def baselines(self) -> dict[str, list[Measurement]]:
        """A random order; and words of the captions of the nearest training pictures."""
        count, kinds = len(self.test.known.captions), np.array(self.test.known.categories)
        alike = kinds[:, None] == kinds
        within = np.array([1 / alike[i].sum() for i in self._in_category()])
        by_chance = {
            recall(direction, k): min(1.0, k / count) for direction in DIRECTIONS for k in RECALLS
        }
        if len(within):
            by_chance |= {in_category(d): float(within.mean()) for d in DIRECTIONS}
        if self._names:
            by_chance[ZERO_SHOT] = 1 / len(self._names)
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS)
        known = words.fit_transform(self._seen(self._training.captions))
        nearest = self._nearest_training_pictures()
        guessed = np.asarray(np.stack([np.asarray(known[row].mean(0)).ravel() for row in nearest]))
        similarities = guessed @ words.transform(self._seen(self.test.known.captions)).toarray().T
        simple, anyhow = self._measure(similarities), self._measure(shuffled(similarities))
        if self._names:
            votes = [[self._training.categories[place] for place in row] for row in nearest]
            told = [max(self._names, key=row.count) for row in votes]
            simple.append(self._zero_shot(np.array(told)[:, None] == np.array(self._names)))
        return {
            "chance": [Measurement(metric, value) for metric, value in by_chance.items()],
            "nearest pictures' words": simple,
            SHUFFLED: anyhow,
        }

    @cached_property
    @override
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for part in (self.test.known, self._training):
            digest.update(part.pixels.tobytes())
            digest.update("\x1f".join([*part.captions, *part.categories]).encode())
        return digest.hexdigest()

    @property
    @override
    def tested(self) -> list[tuple[str, ...]]:
        return [(caption,) for caption in self.test.known.captions]

    @property
    @override
    def shown(self) -> list[Shown]:
        """All pictures, those whose category has others, and those that have a category."""
        test, every = self.test.known, range(len(self.test.known.captions))
        named = [place for place in every if test.categories[place]]
        ranked = [recall(direction, k).name for direction in DIRECTIONS for k in RECALLS]
        inside = [in_category(direction).name for direction in DIRECTIONS]
        return [
            test.shown(ranked, every, ()),
            test.shown(inside, self._in_category(), ()),
            test.shown([ZERO_SHOT.name], named, self._names),
        ]

    @cached_property
    @override
    def facts(self) -> dict[str, Any]:
        """How many pictures there are, and how many categories."""
        captions = self.test.known.captions
        return without_zeros(
            {
                "pictures": len(captions),
                "categories": len(self._names),
                CUT: share_cut(captions, self._seen),
            }
        )

    @torch.no_grad()
    def _encode_pictures(self, model: TextModel, pixels: np.ndarray) -> np.ndarray:
        heads, device = model.model.heads, model.trainer.device
        parts = [
            heads["first_projection"](heads["image_tower"](part.to(device)).float())
            for part in torch.split(torch.from_numpy(pixels), 64)
        ]
        return normalized(torch.cat(parts).cpu().numpy())

    @torch.no_grad()
    def _encode_texts(self, model: TextModel, clip: CLIP, texts: Sequence[str]) -> np.ndarray:
        width = model.model.backbone.config.hidden_size
        vectors = np.empty((len(texts), width), dtype=np.float32)
        for batch, places in model.corpus.text_batches(texts, batch_size=64):
            states = clip.encode_texts(model.model, batch.to(model.trainer.device))
            vectors[places] = model.model.heads["second_projection"](states).cpu().numpy()
        return normalized(vectors)

    def _measure(self, similarities: np.ndarray) -> list[Measurement]:
        """From an (N, N) matrix of pictures by captions."""
        groups, kinds = self._groups, np.array(self.test.known.categories)
        inside = self._in_category()
        found, by_category = [], []
        for direction, matrix in zip(DIRECTIONS, (similarities, similarities.T), strict=True):
            ranks = ranks_of_own(matrix)
            found += [mean_of(recall(direction, k), ranks <= k, groups) for k in RECALLS]
            if not inside:
                continue
            within = np.where(kinds[:, None] == kinds, matrix, -np.inf)
            best = ranks_of_own(within)[inside] <= 1
            of = [groups[place] for place in inside]
            found.append(mean_of(in_category(direction), best, of))
            for name in self._names:
                chosen = kinds[inside] == name
                if chosen.any():
                    by_category.append(
                        mean_of(
                            in_category(direction, name),
                            best[chosen],
                            [of[place] for place in np.flatnonzero(chosen)],
                        )
                    )
        return found + by_category

    def _zero_shot(self, scores: np.ndarray) -> Measurement:
        """From an (N, names) matrix; of names that tie for the best each is a part of the answer.

        Pictures without a category are left out.
        """
        kinds = self.test.known.categories
        known = [place for place, name in enumerate(kinds) if name]
        best = scores[known] == scores[known].max(1, keepdims=True)
        own = [self._names.index(kinds[place]) for place in known]
        right = best[np.arange(len(known)), own] / best.sum(1)
        return mean_of(ZERO_SHOT, right, [self._groups[place] for place in known])

    def _in_category(self) -> list[int]:
        """Pictures whose category has others."""
        kinds = list(self.test.known.categories)
        return [place for place, kind in enumerate(kinds) if kind and kinds.count(kind) > 1]

    def _unmeasured(self, reason: str) -> list[Measurement]:
        nobody = np.zeros((len(self.test.known.captions),) * 2)
        metrics = [measurement.metric for measurement in self._measure(nobody)]
        metrics += [ZERO_SHOT] if self._names else []
        return [Measurement(metric, None, note=reason) for metric in metrics]

    def _nearest_training_pictures(self) -> np.ndarray:
        """(N, NEIGHBOURS) places in the training pictures, by the cosine of centred thumbnails."""
        mean = thumbnails(self._training.pixels).mean(0)
        own, known = (
            normalized(thumbnails(part.pixels) - mean) for part in (self.test.known, self._training)
        )
        order: np.ndarray = np.argsort(-(own @ known.T), axis=1, kind="stable")[:, :NEIGHBOURS]
        return order

    def _exhibits(self, similarities: np.ndarray) -> list[Mapping[str, Any]]:
        """Some pictures with the captions found for them and the pictures found for their own.

        They are spread evenly over the test set, whatever came of them.
        """
        count = len(similarities)
        ranks = [ranks_of_own(matrix) for matrix in (similarities, similarities.T)]
        shown: list[Mapping[str, Any]] = []
        for place in np.linspace(0, count - 1, min(EXHIBITS, count)).astype(int):
            captions = np.argsort(-similarities[place], kind="stable")[:SHOWN]
            pictures = np.argsort(-similarities[:, place], kind="stable")[:SHOWN]
            shown.append(
                {
                    "image": self._png(place),
                    "text": self.test.known.captions[place],
                    "image_to_text_rank": float(ranks[0][place]),
                    "text_to_image_rank": float(ranks[1][place]),
                    "texts": [self.test.known.captions[other] for other in captions],
                    "images": [self._png(other) for other in pictures],
                }
            )
        return shown

    def _png(self, place: int) -> str:
        buffer = io.BytesIO()
        Image.fromarray(self.test.known.pixels[place].transpose(1, 2, 0)).save(buffer, "PNG")
        return base64.b64encode(buffer.getvalue()).decode()


def thumbnails(pixels: np.ndarray) -> np.ndarray:
    """(N, 3, size, size) uint8 to (N, 3 * THUMBNAIL^2) means over blocks."""
    count, channels, size, _ = pixels.shape
    block = max(size // THUMBNAIL, 1)
    cut = pixels[:, :, : block * THUMBNAIL, : block * THUMBNAIL].astype(np.float64)
    blocks = cut.reshape(count, channels, THUMBNAIL, block, THUMBNAIL, block)
    means: np.ndarray = blocks.mean((3, 5)).reshape(count, -1)
    return means


@dataclass(frozen=True, kw_only=True)
class ImageRetrievalProbe(Probe):
    """Pictures and captions of the corpus's test split, found by each other.

    Attributes:
        candidates: pictures to choose from; fewer where the corpus has fewer.
    """

    candidates: int = 1000

    def __post_init__(self) -> None:
        if self.candidates < MIN_IMAGES:
            raise ValueError(f"candidates is {self.candidates}; it must be at least {MIN_IMAGES}")

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        both = (
            metric
            for direction in DIRECTIONS
            for metric in (*(recall(direction, k) for k in RECALLS), in_category(direction))
        )
        return (*both, ZERO_SHOT)

    @override
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take the pictures."""
        available = int((corpus.rows("test").table["image"] > 0).sum())
        if available < MIN_IMAGES:
            raise NotApplicableError(
                f"the test split of {corpus.card.label} holds {available} pictures; {MIN_IMAGES} "
                "are needed"
            )
        return ImageRetrievalTask(
            Pictures.of(corpus, "test", self.candidates),
            Pictures.of(corpus, "train", 10 * self.candidates),
            seen=corpus.seen,
        )
