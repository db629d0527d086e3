"""Fine-tuning on words: a fresh head on the mean of each word's tokens, all weights trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from models.batch import Batch
from models.initialization import initialize
from runners.hardware import autocast
from runners.measures.finetune import Lesson, Student
from runners.measures.linear import Score
from runners.measures.text_model import EMBEDDED_AT_ONCE


class WordClasses(Lesson):
    """Sentences in words, and a class of each word.

    Args:
        sentences: N, each its words.
        classes: (words,) int, 0 up to the number of classes, one sentence after the other.
        score: decides between rates and epochs.
    """

    def __init__(
        self, sentences: Sequence[Sequence[str]], classes: np.ndarray, score: Score
    ) -> None:
        self._sentences, self._score = sentences, score
        self._count = int(classes.max()) + 1
        self._commonest = int(np.bincount(classes).argmax())
        self._classes = np.split(classes, np.cumsum([len(words) for words in sentences])[:-1])
        self.targets, self.groups = np.zeros(len(sentences), dtype=int), ()

    @override
    def head(self, width: int, seed: int) -> nn.Module:
        linear = nn.Linear(width, self._count)
        initialize(linear, seed=seed, std=0.02, prefix="finetune.")
        return linear

    @override
    def batches(self, student: Student, places: np.ndarray, size: int) -> list[Any]:
        sentences = [self._sentences[place] for place in places]
        classes = torch.from_numpy(np.concatenate([self._classes[place] for place in places]))
        batches = student.model.word_batches(sentences, batch_size=size)
        return [(batch, words, classes) for batch, words in batches]

    @override
    def loss(self, student: Student, batch: Any) -> Tensor:
        inputs, words, classes = batch
        read, logits = _logits(student, inputs, words)
        return F.cross_entropy(logits.float(), classes[read].to(logits.device))

    @override
    def score(self, student: Student, places: np.ndarray) -> float:
        predicted = self.predict(student, [self._sentences[place] for place in places])
        truth = np.concatenate([self._classes[place] for place in places])
        return -np.inf if predicted is None else self._score(truth, predicted)

    @torch.no_grad()
    def predict(self, student: Student, sentences: Sequence[Sequence[str]]) -> np.ndarray | None:
        """(words,) int classes of all words, of one past the longest row the commonest class.

        Returns:
            None where some answer is no number.
        """
        predicted = np.full(sum(map(len, sentences)), self._commonest)
        for batch, words in student.model.word_batches(sentences, batch_size=EMBEDDED_AT_ONCE):
            read, logits = _logits(student, batch, words)
            if not torch.isfinite(logits).all():
                return None
            predicted[read.numpy()] = logits.argmax(1).cpu()
        return predicted


def _logits(student: Student, batch: Batch, words: Tensor) -> tuple[Tensor, Tensor]:
    """Which W words a batch holds, (W,) int, and their (W, C) logits.

    Args:
        student: what is asked.
        batch: B rows of T tokens.
        words: (B, T) int, of which word each token is; -1 of none.
    """
    read, word_of = torch.unique(words[words >= 0], return_inverse=True)
    trainer = student.model.trainer
    word_of = word_of.to(trainer.device)
    with autocast(trainer):
        output = student.backbone(batch.to(trainer.device), attention=student.model.attention)
        states = output.last[(words >= 0).to(trainer.device)].float()  # (tokens, D)
        sums = states.new_zeros(len(read), states.shape[1]).index_add(0, word_of, states)
        means = sums / torch.bincount(word_of)[:, None]
        return read, student.head(means)
