"""What all contestants of `make bench` train: model, rows, optimizer; and our training of it."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import yaml
from objective_files import load_objective

import conf
from models.backbones.vanilla import VanillaConfig
from models.batch import Batch, Views
from objectives.base import Objective
from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.pydocs import PydocsConfig
from runners.progress import Silent
from runners.training.budget import BudgetConfig
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.pretrain import pretrain
from runners.training.recipe import Recipe
from runners.training.trainer import TrainerConfig
from runners.training.update import TOTAL, UpdateStep
from runners.training.updates import Update, tokens_of


@dataclass(frozen=True)
class Taken:
    """What a training did.

    Attributes:
        ends: seconds at the end of every update, from anywhere.
        losses: of every update, where they are known.
        tokens: of an update, padding included, every view counted.
        inside: seconds that were spent in steps until the end of every update, where measured.
    """

    ends: Sequence[float]
    losses: Sequence[float]
    tokens: int
    inside: Sequence[float] = ()

    @property
    def rate(self) -> float:
        """Tokens a second, without the first updates, in which memory is first touched."""
        skipped = len(self.ends) // 4
        updates = len(self.ends) - 1 - skipped
        return self.tokens * updates / (self.ends[-1] - self.ends[skipped])


class FullRows(Corpus):
    """The text of a corpus as rows of one length, so that none is padded.

    Args:
        folder: of the built corpus.
        length: of a row, `[CLS]` and `[SEP]` included.
    """

    def __init__(self, folder: Path, length: int) -> None:
        super().__init__(folder)
        rows, size = self.rows("train"), length - 2
        text = np.concatenate([rows.tokens(row) for row in range(len(rows))]).astype(np.int64)
        self._text = text[: len(text) // size * size].reshape(-1, size)

    def stretch(self, split: str, *, start: int, count: int, seed: int, views: Views = "") -> Batch:
        """In the order of the text."""
        places = np.arange(start, start + count)
        return self.batch([*self._text[places % len(self._text)]], places)

    def usable(self, split: str, views: Views) -> np.ndarray:
        """All of them."""
        return np.ones(len(self._text), dtype=bool)


@dataclass(frozen=True, kw_only=True)
class Race:
    """What all take part in.

    Attributes:
        name: of the objective.
        folder: of the corpus.
        model: size of the model.
        trainer: resolved; its dtype is everybody's.
        rows: of an update.
        length: of a row.
        learning_rate: of all updates.
        seed: of weights, masks and dropout.
    """

    name: str
    folder: Path
    model: VanillaConfig
    trainer: TrainerConfig
    rows: int
    length: int
    learning_rate: float = 5e-4
    seed: int = 0

    @property
    def views(self) -> int:
        """Of each row."""
        return 2 if self.name == "simcse" else 1

    @property
    def tokens(self) -> int:
        """Of an update."""
        return self.rows * self.length * self.views

    @property
    def objective(self) -> Objective:
        """With the rows and the rate of the others."""
        return load_objective(
            self.name, rows_per_update=self.rows, learning_rate=self.learning_rate
        )

    @property
    def corpus(self) -> FullRows:
        """Read anew."""
        return FullRows(self.folder, self.length)

    @property
    def beta2(self) -> float:
        """What our trainer takes, for the others."""
        assert isinstance(self.trainer, AdamWConfig)
        return self.trainer.beta2(tokens_of(self.objective.phases[0], self.corpus))

    def recipe(self, steps: int) -> Recipe:
        """Of our training."""
        return Recipe(
            seed=self.seed,
            model=self.model,
            objective=self.objective,
            budget=BudgetConfig(unit="steps", amount=steps),
            trainer=self.trainer,
        )


def made_race(name: str, folder: Path, **changes: Any) -> Race:
    """The race of the table in docs/performance.md: 4 layers, hidden 256, 128 tokens.

    Args:
        name: of the objective.
        folder: of the corpus.
        changes: of its model (`hidden_size`, ...), rows, length, dtype, device, compile.
    """
    length = changes.pop("length", 32 if name == "simcse" else 128)
    rows = changes.pop("rows", 64 if name == "simcse" else 32)
    machine = {key: changes.pop(key) for key in ("dtype", "device", "compile") if key in changes}
    model = {
        "hidden_size": 256,
        "num_layers": 4,
        "num_heads": 4,
        "intermediate_size": 1024,
        "max_length": max(512, length),
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "activation": "gelu",
        **changes,
    }
    machine = {"dtype": "bfloat16", "device": "cpu", "compile": False, **machine}
    trainer = AdamWConfig(
        **machine,
        threads=torch.get_num_threads(),
        warmup=0.0,
        decay="constant",
        evaluations=0,
        checkpoint_seconds=1e9,
    )
    return Race(
        name=name, folder=folder, model=VanillaConfig(**model), trainer=trainer, rows=rows,
        length=length,
    )  # fmt: skip


def corpus_folder(output: Path, vocabulary_size: int) -> Path:
    """The embedded corpus with a vocabulary of that size."""
    return build_corpus(
        corpus_config(vocabulary_size), output_dir=output, say=lambda line: None
    ).folder


def corpus_config(vocabulary_size: int) -> PydocsConfig:
    """As conf/dataset/pydocs.yaml has it."""
    values = yaml.safe_load((Path(conf.__file__).parent / "dataset/pydocs.yaml").read_text())
    del values["kind"]
    return PydocsConfig(**{**values, "vocabulary_size": vocabulary_size})


def ours(race: Race, steps: int) -> Taken:
    """By `pretrain`, as a job does it."""
    with tempfile.TemporaryDirectory() as folder:
        trained = pretrain(race.recipe(steps), race.corpus, Path(folder), Silent())
    curve = trained.training.curve
    assert len(curve) == min(steps, 100), "each update is a point of the curve"
    every = steps // len(curve)
    return Taken(
        [point["seconds"] for point in curve],
        [point["loss"] for point in curve],
        race.tokens * every,
    )


def within(race: Race, steps: int) -> Taken:
    """As `ours`, with the seconds in the step itself: two trainings one after the other differ by
    more than what a loop adds.
    """
    call, spent = UpdateStep.__call__, [0.0]

    def timed(self: UpdateStep, update: Update, rate: float) -> dict[str, torch.Tensor]:
        began = time.perf_counter()
        losses = call(self, update, rate)
        float(losses[TOTAL])  # waits for a GPU
        spent.append(spent[-1] + time.perf_counter() - began)
        return losses

    with mock.patch.object(UpdateStep, "__call__", timed):
        taken = ours(race, steps)
    return replace(taken, inside=spent[1:])
