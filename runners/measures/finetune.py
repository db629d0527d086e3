"""Fine-tuning: a fresh head on the pooled vector, all weights trained; rate and epochs are chosen.

The protocol of GLUE (Wang et al. 2018): what is held back of the training examples decides, and the
model that did best on it is the one that is tested.
"""

import copy
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from models.batch import Batch
from models.initialization import initialize, seed_of
from models.pooling import pool
from runners.corpora.corpus import Passage
from runners.hardware import autocast
from runners.measures.linear import Score, held_back, share_right
from runners.measures.read_once import choosing
from runners.measures.text_model import EMBEDDED_AT_ONCE, TextModel
from runners.training.fit import fit
from runners.training.room import MemoryShortError, is_short_of_memory


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """One recipe for every model.

    Attributes:
        epochs: over the training examples, at most.
        rows_per_update: examples in an update.
        learning_rates: peaks for weights that began at random, of a checkpoint a twentieth of them;
            each rises over the first tenth and falls linearly to 0. Of several, a fifth of the
            training examples is held back; the rate that is best on it after one epoch goes on,
            and of its epochs the best is taken. A single one is not chosen, and all examples are
            trained on.
        max_examples: at most so many of the training examples; null for all.
    """

    epochs: int = 3
    rows_per_update: int = 32
    learning_rates: tuple[float, ...] = (1e-3,)
    max_examples: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "rows_per_update"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.max_examples is not None and self.max_examples < 2:
            raise ValueError(f"max_examples is {self.max_examples}; it must be at least 2, or null")
        if not self.learning_rates or min(self.learning_rates) <= 0:
            raise ValueError(
                f"learning_rates is {list(self.learning_rates)}; give one or more, all above 0"
            )


class Lesson(ABC):
    """Training examples, and what a model is to do with them.

    Attributes:
        targets: (N,) int classes, by which examples are divided.
        groups: of the examples; one of them is on one side of what is held back.
    """

    targets: np.ndarray
    groups: Sequence[str]

    @abstractmethod
    def head(self, width: int, seed: int) -> nn.Module:
        """What stands on (B, D) pooled vectors, with its first weights."""

    @abstractmethod
    def batches(self, student: "Student", places: np.ndarray, size: int) -> list[Any]:
        """The examples at these places, so many in a batch."""

    @abstractmethod
    def loss(self, student: "Student", batch: Any) -> Tensor:
        """The scalar that a batch gives."""

    @abstractmethod
    def score(self, student: "Student", places: np.ndarray) -> float:
        """How well the examples at these places are done; -inf where there are no numbers."""


class Student(nn.Module):
    """A copy of a model's backbone, a pooling and a fresh head.

    Args:
        model: what is copied.
        lesson: whose head is put on.
        seed: of its weights.
    """

    def __init__(self, model: TextModel, lesson: Lesson, seed: int) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(model.model.backbone)
        if model.recomputes:
            self.backbone.recompute()
        self.head = lesson.head(self.backbone.config.hidden_size, seed)
        self.model = model
        self.to(model.trainer.device)

    def forward(self, batch: Batch) -> Tensor:
        """(B, C): the pooled vectors under the head."""
        batch = batch.to(self.model.trainer.device)
        with autocast(self.model.trainer):
            hidden = self.backbone(batch, attention=self.model.attention)
            pooled = pool(hidden, batch.attention_mask, self.model.pooling)
            return self.head(pooled)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of a fine-tuning.

    Attributes:
        student: ready to be asked.
        note: what was chosen; empty where nothing was.
    """

    student: Student
    note: str = ""


def learn(model: TextModel, lesson: Lesson, config: FinetuneConfig, seed: int) -> Learned | None:
    """Train copies of a model, and keep the one that does best on what is held back.

    Args:
        model: it is copied, not changed.
        lesson: the training examples.
        config: the recipe.
        seed: of the head, the order and the dropout.

    Returns:
        None where every training diverged.

    Raises:
        MemoryShortError: an update does not fit, even where activations are computed twice.
    """
    while True:
        try:
            return _learn(model, lesson, config, seed)
        except Exception as error:
            if not is_short_of_memory(error):
                raise
            if model.recomputes:
                raise MemoryShortError(
                    f"memory is too short to fine-tune with {config.rows_per_update} examples in "
                    "an update: lower rows_per_update where it is set, for a probe "
                    "probes.NAME.finetune.rows_per_update, or dataset.sequence_length"
                ) from error
        model.recomputes = True  # and begin again, once what was kept for the error is gone


def _learn(model: TextModel, lesson: Lesson, config: FinetuneConfig, seed: int) -> Learned | None:
    with choosing(lesson):
        order = np.random.default_rng(0).permutation(len(lesson.targets))
        places = np.sort(order[: config.max_examples])
        if len(config.learning_rates) == 1:
            (rate,) = config.learning_rates
            student = next(_students(model, lesson, places, config, rate, seed, [config.epochs]))
            return None if student is None else Learned(student)
        groups = [lesson.groups[place] for place in places] if lesson.groups else ()
        inner, held = held_back(lesson.targets[places], groups)
        return _best(model, lesson, (places[inner], places[held]), config, seed)


def _best(
    model: TextModel,
    lesson: Lesson,
    sides: tuple[np.ndarray, np.ndarray],
    config: FinetuneConfig,
    seed: int,
) -> Learned | None:
    """Every rate has an epoch; the best goes on, and of its epochs the best is kept."""
    inner, held = sides
    points = range(1, config.epochs + 1)
    best, chosen, epochs = -np.inf, 0.0, 1
    further: Iterator[Student | None] = iter(())
    kept: dict[str, Tensor] = {}
    for rate in config.learning_rates:
        trained = _students(model, lesson, inner, config, rate, seed, points)
        student = next(trained)
        score = -np.inf if student is None else lesson.score(student, held)
        if student is not None and score > best:
            best, chosen, further, kept = score, rate, trained, _weights(student)
    if not np.isfinite(best):
        return None
    for number, student in zip(points[1:], further, strict=False):
        score = -np.inf if student is None else lesson.score(student, held)
        if student is not None and score > best:
            best, epochs, kept = score, number, _weights(student)
    best_student = Student(model, lesson, seed)
    best_student.load_state_dict(kept)
    rate = chosen * best_student.backbone.config.rate_scale
    return Learned(best_student.eval(), f"rate {rate:g}, {epochs} of {config.epochs} epochs")


def _weights(student: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in student.state_dict().items()}


def _students(
    model: TextModel,
    lesson: Lesson,
    places: np.ndarray,
    config: FinetuneConfig,
    rate: float,
    seed: int,
    points: Sequence[int],
) -> Iterator[Student | None]:
    """The student after so many epochs, ready to be asked; None where it diverged, and no more."""
    trainer = model.trainer
    student = Student(model, lesson, seed)
    optimizer = trainer.build_for_head(student, rate)
    batches = lesson.batches(student, places, config.rows_per_update)
    steps = config.epochs * len(batches)
    rate *= student.backbone.config.rate_scale
    middles = [(step + 0.5) / steps for step in range(steps)]  # so that no update has a rate of 0
    rates = [rate * min(share / 0.1, (1 - share) / 0.9) for share in middles]
    order = np.concatenate(
        [
            np.random.default_rng([seed, epoch]).permutation(len(batches))
            for epoch in range(config.epochs)
        ]
    )

    def losses(steps: range) -> Iterator[Tensor]:
        for step in steps:
            torch.manual_seed(seed_of("finetune dropout", seed, step))
            yield lesson.loss(student, batches[order[step]])

    ends = [epochs * len(batches) for epochs in points]
    for begin, end in itertools.pairwise([0, *ends]):
        student.train()
        now = range(begin, end)
        if not fit(
            optimizer, student, losses(now), rates=rates[begin:end], clip_norm=trainer.clip_norm
        ):
            yield None
            return
        yield student.eval()


class Labels(Lesson):
    """Passages and their classes.

    Args:
        passages: texts, or pairs of them in one row.
        targets: (N,) int, 0 up to the number of classes.
        groups: as of `Lesson`.
        score: decides between rates and epochs.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        targets: np.ndarray,
        groups: Sequence[str] = (),
        score: Score = share_right,
    ) -> None:
        self._passages, self.targets, self.groups = passages, targets, groups
        self._score = score

    @override
    def head(self, width: int, seed: int) -> nn.Module:
        linear = nn.Linear(width, int(self.targets.max()) + 1)
        initialize(linear, seed=seed, std=0.02, prefix="finetune.")
        return linear

    @override
    def batches(self, student: Student, places: np.ndarray, size: int) -> list[Any]:
        passages = [self._passages[place] for place in places]
        return [
            (batch, torch.from_numpy(self.targets[places[chosen]]))
            for batch, chosen in student.model.corpus.text_batches(passages, batch_size=size)
        ]

    @override
    def loss(self, student: Student, batch: Any) -> Tensor:
        inputs, targets = batch
        logits = student(inputs).float()
        return F.cross_entropy(logits, targets.to(logits.device))

    @override
    def score(self, student: Student, places: np.ndarray) -> float:
        predicted = predict(student, [self._passages[place] for place in places])
        return -np.inf if predicted is None else self._score(self.targets[places], predicted)


@torch.no_grad()
def predict(student: Student, passages: Sequence[Passage]) -> np.ndarray | None:
    """(passages,) int classes, or None where some answer is no number."""
    predicted = np.empty(len(passages), dtype=np.int64)
    batches = student.model.corpus.text_batches(passages, batch_size=EMBEDDED_AT_ONCE)
    for batch, places in batches:
        logits = student(batch)
        if not torch.isfinite(logits).all():
            return None
        predicted[places] = logits.argmax(1).cpu()
    return predicted


@dataclass(frozen=True, slots=True)
class Finetuned:
    """What a fine-tuned model said.

    Attributes:
        predicted: (test examples,) int classes.
        note: what was chosen; empty where nothing was.
    """

    predicted: np.ndarray
    note: str = ""


def finetune(
    model: TextModel,
    lesson: Labels,
    read_test: Callable[[], Sequence[Passage]],
    *,
    config: FinetuneConfig,
    seed: int,
) -> Finetuned | None:
    """Train copies of a model to tell classes apart, and predict with the best.

    Args:
        model: it is copied, not changed.
        lesson: passages and classes.
        read_test: gives what to predict; called once, when everything is chosen.
        config: the recipe.
        seed: as of `learn`.

    Returns:
        Predictions, or None where every training diverged.
    """
    learned = learn(model, lesson, config, seed)
    predicted = None if learned is None else predict(learned.student, read_test())
    return None if predicted is None or learned is None else Finetuned(predicted, learned.note)
