"""Fine-tuning: a fresh linear layer on the pooled vector, all weights trained."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.batch import Batch
from models.initialization import initialize, seed_of
from models.pooling import pool
from runners.corpora.corpus import Passage
from runners.hardware import autocast
from runners.measures.linear import Score, held_back, share_right
from runners.measures.read_once import choosing
from runners.measures.text_model import EMBEDDED_AT_ONCE, TextModel
from runners.training.fit import fit


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """One recipe for every model.

    Attributes:
        epochs: over the training examples.
        rows_per_update: examples in an update.
        learning_rates: peaks; each rises over the first tenth and falls linearly to 0. Of several,
            every model takes the rate and the number of epochs that are best on a fifth of the
            training examples, and is then trained on all of them; a single one is not chosen.
    """

    epochs: int = 3
    rows_per_update: int = 32
    learning_rates: tuple[float, ...] = (1e-3,)

    def __post_init__(self) -> None:
        for name in ("epochs", "rows_per_update"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.learning_rates or min(self.learning_rates) <= 0:
            raise ValueError(
                f"learning_rates is {list(self.learning_rates)}; give one or more, all above 0"
            )


@dataclass(frozen=True, slots=True)
class Finetuned:
    """What came of a fine-tuning.

    Attributes:
        predicted: (test examples,) int classes.
        note: what was chosen; empty where nothing was.
    """

    predicted: np.ndarray
    note: str = ""


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
    passages: Sequence[Passage],
    labels: np.ndarray,
    read_test: Callable[[], Sequence[Passage]],
    *,
    config: FinetuneConfig,
    seed: int,
    groups: Sequence[str] = (),
    score: Score = share_right,
) -> Finetuned | None:
    """Train copies of the model to tell classes apart, and predict with the best.

    Args:
        model: it is copied, not changed.
        passages: to train on, and to choose on.
        labels: (passages,) int, 0 up to the number of classes.
        read_test: gives what to predict; called once, when everything is chosen.
        config: the recipe.
        seed: of the new layer, the order and the dropout.
        groups: of the passages; one of them is on one side of what is held back.
        score: decides between rates and epochs.

    Returns:
        Predictions, or None where every training diverged.
    """
    rate, epochs = config.learning_rates[0], config.epochs
    if len(config.learning_rates) > 1:
        with choosing(passages, labels):
            sides = held_back(labels, groups)
            chosen = _chosen(model, passages, labels, config, seed, sides, score)
        if chosen is None:
            return None
        rate, epochs = chosen
    trained = _epochs(model, passages, labels, config, rate, seed, int(labels.max()) + 1)
    *_, classifier = islice(trained, epochs)
    predicted = None if classifier is None else _predict(model, classifier, read_test())
    if predicted is None:
        return None
    is_chosen = len(config.learning_rates) > 1
    note = f"rate {rate:g}, {epochs} of {config.epochs} epochs" if is_chosen else ""
    return Finetuned(predicted, note)


def _chosen(
    model: TextModel,
    passages: Sequence[Passage],
    labels: np.ndarray,
    config: FinetuneConfig,
    seed: int,
    sides: tuple[np.ndarray, np.ndarray],
    score: Score,
) -> tuple[float, int] | None:
    """The rate and the number of epochs with the highest score on what is held back."""
    inner, held = sides
    train, validation = ([passages[i] for i in places] for places in sides)
    classes = int(labels.max()) + 1
    best, chosen = -np.inf, None
    for rate in config.learning_rates:
        trained = _epochs(model, train, labels[inner], config, rate, seed, classes)
        for epoch, classifier in enumerate(trained, start=1):
            predicted = None if classifier is None else _predict(model, classifier, validation)
            value = -np.inf if predicted is None else score(labels[held], predicted)
            if value > best:
                best, chosen = value, (rate, epoch)
    return chosen


def _epochs(
    model: TextModel,
    passages: Sequence[Passage],
    labels: np.ndarray,
    config: FinetuneConfig,
    rate: float,
    seed: int,
    classes: int,
) -> Iterator[nn.Module | None]:
    """The classifier after each epoch, ready to predict; None where it diverged."""
    trainer = model.trainer
    classifier = _Classifier(model, classes)
    initialize(classifier.output, seed=seed, std=0.02, prefix="finetune.")
    classifier.to(trainer.device)
    optimizer = trainer.build_for_head(classifier, rate)
    batches = list(model.corpus.text_batches(passages, batch_size=config.rows_per_update))
    steps = config.epochs * len(batches)
    middles = [(step + 0.5) / steps for step in range(steps)]  # so that no update has a rate of 0
    rates = [rate * min(share / 0.1, (1 - share) / 0.9) for share in middles]

    def losses(epoch: int) -> Iterator[Tensor]:
        order = np.random.default_rng([seed, epoch]).permutation(len(batches))
        for index, place in enumerate(order):
            batch, places = batches[place]
            torch.manual_seed(seed_of("finetune dropout", seed, epoch * len(batches) + index))
            with autocast(trainer):
                logits = classifier(batch.to(trainer.device))
            targets = torch.from_numpy(labels[places]).to(trainer.device)
            yield F.cross_entropy(logits.float(), targets)

    for epoch in range(config.epochs):
        now = rates[epoch * len(batches) : (epoch + 1) * len(batches)]
        classifier.train()
        if not fit(optimizer, classifier, losses(epoch), rates=now, clip_norm=trainer.clip_norm):
            yield None
            return
        yield classifier.eval()


@torch.no_grad()
def _predict(
    model: TextModel, classifier: nn.Module, passages: Sequence[Passage]
) -> np.ndarray | None:
    """(passages,) int classes, or None where some answer is no number."""
    predicted = np.empty(len(passages), dtype=np.int64)
    with autocast(model.trainer):
        for batch, places in model.corpus.text_batches(passages, batch_size=EMBEDDED_AT_ONCE):
            logits = classifier(batch.to(model.trainer.device))
            if not torch.isfinite(logits).all():
                return None
            predicted[places] = logits.argmax(1).cpu()
    return predicted
