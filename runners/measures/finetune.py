"""Fine-tuning: a fresh linear layer on the pooled vector, all weights trained."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.batch import Batch
from models.initialization import initialize, seed_of
from models.pooling import pool
from runners.hardware import autocast
from runners.measures.text_model import EMBEDDED_AT_ONCE, TextModel
from runners.training.fit import fit


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """One recipe for every model.

    Attributes:
        epochs: over the training examples.
        rows_per_update: examples in an update.
        learning_rate: peak; it rises over the first tenth and falls linearly to 0.
    """

    epochs: int = 3
    rows_per_update: int = 32
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("epochs", "rows_per_update"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0")


class _Classifier(nn.Module):
    """A backbone, a pooling and a linear layer."""

    def __init__(self, model: TextModel, classes: int) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(model.model.backbone)
        self.output = nn.Linear(self.backbone.config.hidden_size, classes)
        self._attention, self._pooling = model.attention, model.pooling

    def forward(self, batch: Batch) -> Tensor:
        """(B, classes) logits."""
        hidden = self.backbone(batch, attention=self._attention)
        return self.output(pool(hidden, batch.attention_mask, self._pooling))  # type: ignore[no-any-return]


def finetune(
    model: TextModel,
    texts: Sequence[str],
    labels: np.ndarray,
    test_texts: Sequence[str],
    *,
    config: FinetuneConfig,
    seed: int,
) -> np.ndarray | None:
    """Train a copy of the model to tell classes apart, and predict.

    Args:
        model: it is copied, not changed.
        texts: training texts.
        labels: (texts,) int, 0 up to the number of classes.
        test_texts: what to predict.
        config: the recipe.
        seed: of the new layer, the order and the dropout.

    Returns:
        (test texts,) int predicted classes, or None where training diverged.
    """
    trainer = model.trainer
    classifier = _Classifier(model, int(labels.max()) + 1)
    initialize(classifier.output, seed=seed, std=0.02, prefix="finetune.")
    classifier.to(trainer.device).train()
    optimizer = trainer.build_for_head(classifier, config.learning_rate)
    batches = list(model.corpus.text_batches(texts, batch_size=config.rows_per_update))
    steps = config.epochs * len(batches)
    middles = [(step + 0.5) / steps for step in range(steps)]  # so that no update has a rate of 0
    rates = [config.learning_rate * min(share / 0.1, (1 - share) / 0.9) for share in middles]

    def losses() -> Iterator[Tensor]:
        for step in range(steps):
            epoch, index = divmod(step, len(batches))
            order = np.random.default_rng([seed, epoch]).permutation(len(batches))
            batch, places = batches[order[index]]
            torch.manual_seed(seed_of("finetune dropout", seed, step))
            with autocast(trainer):
                logits = classifier(batch.to(trainer.device))
            targets = torch.from_numpy(labels[places]).to(trainer.device)
            yield F.cross_entropy(logits.float(), targets)

    if not fit(optimizer, classifier, losses(), rates=rates, clip_norm=trainer.clip_norm):
        return None
    classifier.eval()
    predicted = np.empty(len(test_texts), dtype=np.int64)
    with torch.no_grad(), autocast(trainer):
        for batch, places in model.corpus.text_batches(test_texts, batch_size=EMBEDDED_AT_ONCE):
            logits = classifier(batch.to(trainer.device))
            if not torch.isfinite(logits).all():
                return None
            predicted[places] = logits.argmax(1).cpu()
    return predicted
