"""CLIP: two towers, one space (Radford et al. 2021)."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.batch import Attention, Batch, Views
from models.config import BackboneConfig
from models.flops import backbone_flops, linear_flops
from models.heads import LogitScale
from models.pooling import POOLINGS, pool
from models.vision import VisionTower, patch_flops, tower_flops
from models.vocabulary import Vocabulary
from objectives.base import Moment, TrainModel, Traits
from objectives.contrastive import Contrastive, info_nce
from objectives.prepared import LossOutput, Prepared, Term
from objectives.randomness import RowRandom
from objectives.views import natural_views, stack_views

MODALITIES = ("auto", "text", "image")


@dataclass(frozen=True, kw_only=True)
class CLIP(Contrastive):
    """Match the first text of each row, or its picture, with the second, in both directions.

    Of two texts both go through the backbone; a picture goes through a tower of its own. Each view
    has a projection of its own; the temperature is learned, as a logit scale between 1 and 100.

    Attributes:
        temperature: at the start.
        pooling: how a text becomes a vector in training.
        modality: of the first view: `image` or `text`; `auto` takes pictures where the corpus has
            them.
        patch_size: of the image tower, in pixels.
        shuffled: deal the first views out at random among the rows of each update: the control
            that says what training on these very views gives without their correspondence.
    """

    TRAITS = Traits(
        family="CL",
        attention="bidirectional",
        unit="pair",
        supervises="rows with a pair, against each other",
        additive=False,
        passes=2,
        test_heads=("first_projection", "second_projection", "logit_scale"),
        views="pairs",
    )

    temperature: float = 0.07
    pooling: str = "mean"
    modality: str = "auto"
    patch_size: int = 8
    shuffled: bool = False

    @override
    def check_values(self) -> None:
        super().check_values()
        if not 0.01 <= self.temperature <= 1:
            raise ValueError(f"temperature is {self.temperature}; it must lie in [0.01, 1]")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling is {self.pooling!r}; known: {', '.join(POOLINGS)}")
        if self.modality not in MODALITIES:
            raise ValueError(f"modality is {self.modality!r}; known: {', '.join(MODALITIES)}")
        if self.patch_size < 1:
            raise ValueError(f"patch_size is {self.patch_size}; it must be at least 1")

    @property
    @override
    def schedulable(self) -> list[str]:
        """Not the temperature: it is learned, and only begins where it is set."""
        return [name for name in super().schedulable if name != "temperature"]

    @override
    def fitted(self, holds: Set[Views]) -> Self:
        """With the modality that the corpus has."""
        if self.modality != "auto":
            return self
        return replace(self, modality="image" if "images" in holds else "text")

    @property
    @override
    def traits(self) -> Traits:
        """By modality; shuffled it is a placebo."""
        traits = self.TRAITS
        if self.modality == "image":
            traits = replace(
                traits,
                supervises="rows with a picture, against each other",
                passes=1,
                test_heads=("image_tower", *traits.test_heads),
                views="images",
            )
        if self.shuffled:
            traits = replace(traits, family="placebo", mixes_rows=True)
        return replace(traits, pooling=self.pooling)

    @override
    def build_heads(
        self, config: BackboneConfig, vocabulary_size: int, *, tied: bool = True
    ) -> nn.ModuleDict:
        """A projection for each view, the logit scale, and for pictures their tower."""
        width = config.hidden_size
        heads = nn.ModuleDict(
            {
                "first_projection": nn.Linear(width, width, bias=False),
                "second_projection": nn.Linear(width, width, bias=False),
                "logit_scale": LogitScale(1 / self.temperature),
            }
        )
        if self.modality == "image":
            heads["image_tower"] = VisionTower(config, self.patch_size)
        return heads

    @override
    def corrupt(
        self, batch: Batch, *, vocabulary: Vocabulary, draw: RowRandom, moment: Moment
    ) -> Prepared:
        """The two views of each row; rows that lack one are left out."""
        if self.modality == "image":
            assert batch.images is not None
            assert batch.has_image is not None
            kept = batch.select(batch.has_image)
            if self.shuffled:
                order = draw.uniform("shuffled", 1)[batch.has_image, 0].argsort()
                kept = replace(kept, images=batch.images[batch.has_image][order])
            return Prepared.of(kept, Attention("bidirectional"))
        views, row_ids = natural_views(batch, 2)
        if self.shuffled:
            order = draw.uniform("shuffled", 1)[torch.isin(batch.row_ids, row_ids), 0].argsort()
            views[0] = [views[0][place] for place in order.tolist()]
        return stack_views(views, row_ids, vocabulary)

    @override
    def embed(self, model: TrainModel, prepared: Prepared) -> Tensor:
        """Before the projections, which differ by view and stand in the contrast.

        Returns:
            Of two texts (2B, D), all first ones first; of pictures and texts (B, 2, D).
        """
        texts = self.encode_texts(model, prepared.inputs)
        if self.modality != "image":
            return texts
        assert prepared.inputs.images is not None
        pictures = model.heads["image_tower"](prepared.inputs.images).float()
        return torch.stack([pictures, texts], 1)

    def encode_texts(self, model: TrainModel, batch: Batch) -> Tensor:
        """(B, D) float32, pooled states of texts."""
        output = model.backbone(batch, attention=Attention("bidirectional"))
        return pool(output, batch.attention_mask, self.pooling).float()

    @override
    def contrast(self, model: TrainModel, vectors: Tensor, prepared: Prepared) -> LossOutput:
        """The mean of both directions' cross-entropies over all pairs of the batch."""
        rows = prepared.rows
        if self.modality == "image":
            first, second = vectors[:, 0], vectors[:, 1]
        else:
            first, second = vectors[:rows], vectors[rows:]
        first = model.heads["first_projection"](first)
        second = model.heads["second_projection"](second)
        values = clip_loss(first, second, model.heads["logit_scale"]())
        return LossOutput((Term(self.name, values, torch.arange(rows, device=values.device)),))

    @override
    def training_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """Nothing is carried back to the pixels."""
        found = super().training_flops(config, vocabulary_size, prepared)
        if prepared.inputs.images is None:
            return found
        return found - patch_flops(config, tuple(prepared.inputs.images.shape), self.patch_size)

    @override
    def candidates(self, prepared: Prepared) -> int:
        """The second views of the batch."""
        return prepared.rows

    @override
    def after_update(self, model: TrainModel, moment: Moment, kept: Mapping[str, Tensor]) -> None:
        """Keep the logit scale between 1 and 100."""
        model.heads["logit_scale"].clamp()  # type: ignore[operator]

    @override
    def forward_flops(
        self, config: BackboneConfig, vocabulary_size: int, prepared: Prepared
    ) -> int:
        """Both views, their projections, and the similarities in both directions."""
        inputs, rows, width = prepared.inputs, prepared.rows, config.hidden_size
        texts, length = inputs.input_ids.shape
        found = backbone_flops(config, texts, length)
        if inputs.images is not None:
            found += tower_flops(config, tuple(inputs.images.shape), self.patch_size)
        return found + 2 * linear_flops(rows, width, width) + 2 * linear_flops(rows, width, rows)


def clip_loss(first: Tensor, second: Tensor, scale: Tensor) -> Tensor:
    """CLIP's symmetric cross-entropy, row by row.

    Args:
        first: (B, D).
        second: (B, D); rows i of both belong together.
        scale: (), what cosines are multiplied by.

    Returns:
        (B,) losses in nats: half that of finding the second by the first, half the reverse.
    """
    return (info_nce(first, second, 1 / scale) + info_nce(second, first, 1 / scale)) / 2
