"""The updates of a training, one after the other: they depend on the text and never on a loss."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from models.batch import Batch, Views
from objectives.contrastive import TwoStage
from objectives.prepared import Prepared
from objectives.randomness import RowRandom
from objectives.trainable import Leaf, Moment, Phase, Trainable
from runners.corpora.corpus import Corpus
from runners.training.budget import Ledger
from runners.training.recipe import Recipe
from runners.training.room import Room
from runners.training.trainer import TrainerConfig


@dataclass(frozen=True)
class Part:
    """A leaf with what is computed of it at once.

    Attributes:
        leaf: objective, input and weight.
        pieces: micro-batches, or of a loss of two stages the pieces of its first for GradCache.
    """

    leaf: Leaf
    pieces: tuple[Prepared, ...]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Supervised items of each term in the whole update."""
        return self.leaf.objective.counts(self.leaf.prepared)

    @property
    def by_pieces(self) -> bool:
        """Whether it is computed by GradCache."""
        return isinstance(self.leaf.objective, TwoStage) and len(self.pieces) > 1

    def computed_again(self, trainer: TrainerConfig) -> bool:
        """Whether GradCache computes every piece twice: some process has more than one."""
        return self.by_pieces and len(self.pieces) > trainer.processes


@dataclass(frozen=True)
class Update:
    """One update of the weights, before it is computed.

    Attributes:
        phase: at its beginning.
        moment: likewise.
        row_ids: of the rows of the stream.
        parts: that are differentiated one after the other.
        ledger: after it, but for its seconds, which are not known yet.
    """

    phase: Phase
    moment: Moment
    row_ids: torch.Tensor
    parts: tuple[Part, ...]
    ledger: Ledger


def updates(
    recipe: Recipe,
    corpus: Corpus,
    start: Ledger,
    *,
    seconds: Callable[[], float] = lambda: 0.0,
    progress: float | None = None,
    room: Room | None = None,
) -> Iterator[Update]:
    """All updates that are left of a budget.

    Args:
        recipe: of the training.
        corpus: whose rows follow in their one order.
        start: what is spent already.
        seconds: of training until now, which a budget of seconds asks for.
        progress: share of the budget at which all of them are to be taken, for a sample of a
            phase; then they do not end.
        room: how many rows are computed at once; where it asks again, the last update is made
            again.
    """
    room = room or Room(recipe.trainer.micro_batch_rows)
    objective, budget = recipe.objective, recipe.budget
    assert objective is not None
    ledger = start
    while True:
        if budget.unit == "seconds":
            ledger = replace(ledger, seconds=seconds())
        before = ledger.progress(budget) if progress is None else progress
        if before >= 1.0:
            return
        update = _next(room.of(recipe), objective, corpus, ledger, before)
        yield update
        if not room.asks_again():
            ledger = update.ledger


def _next(
    recipe: Recipe, objective: Trainable, corpus: Corpus, ledger: Ledger, progress: float
) -> Update:
    phase, moment = objective.phase(progress), Moment(ledger.steps, progress)
    batch = corpus.stretch(
        "train",
        start=ledger.rows,
        count=phase.rows_per_update,
        seed=recipe.seed,
        views=phase.views,
    )
    leaves = objective.prepare(
        batch,
        vocabulary=corpus.vocabulary,
        draw=RowRandom(recipe.seed, batch.row_ids),
        moment=moment,
    )
    return update_of(recipe, corpus.vocabulary.size, batch, phase, moment, leaves, ledger)


def update_of(
    recipe: Recipe,
    size: int,
    batch: Batch,
    phase: Phase,
    moment: Moment,
    leaves: Sequence[Leaf],
    ledger: Ledger,
) -> Update:
    """What is computed of some leaves, and what it costs.

    Args:
        recipe: of the training.
        size: of the vocabulary.
        batch: the rows of the stream.
        phase: at the update's beginning.
        moment: likewise.
        leaves: what the objective made of the rows.
        ledger: before it.
    """
    parts = tuple(Part(leaf, tuple(_pieces(leaf, recipe.trainer))) for leaf in leaves)
    tokens = int(batch.attention_mask.sum()) - 2 * len(batch.input_ids)
    charged = replace(
        ledger,
        steps=ledger.steps + 1,
        rows=ledger.rows + len(batch.input_ids),
        tokens=ledger.tokens + tokens,
    )
    for part in parts:
        _charge(charged, part, recipe, size)
    return Update(phase, moment, batch.row_ids, parts, charged)


def _pieces(leaf: Leaf, trainer: TrainerConfig) -> list[Prepared]:
    """What is computed at once.

    Of a loss that is neither a sum nor of two stages the whole; smaller micro-batches have been
    refused (recipe.py). Several processes have a piece each, or several where memory is short.
    """
    prepared = leaf.prepared
    if leaf.objective.traits.additive:
        return prepared.split(_rows_at_once(prepared.rows, trainer))
    views = len(prepared.inputs.input_ids)
    if isinstance(leaf.objective, TwoStage) and (rows := _rows_at_once(views, trainer)) < views:
        return prepared.views(rows)
    return [prepared]


def _rows_at_once(rows: int, trainer: TrainerConfig) -> int:
    share = max(1, math.ceil(rows / trainer.processes))
    return min(share, trainer.micro_batch_rows or share)


def _charge(ledger: Ledger, part: Part, recipe: Recipe, size: int) -> None:
    """Enter what a part takes; GradCache takes another forward pass."""
    objective, prepared = part.leaf.objective, part.leaf.prepared
    rows, length = prepared.inputs.input_ids.shape
    again = part.computed_again(recipe.trainer)
    passes = 1 + again
    ledger.supervised_targets += sum(part.counts.values())
    ledger.processed_tokens += rows * length * passes
    ledger.forward_passes += rows * passes
    ledger.flops += objective.training_flops(recipe.model, size, prepared)
    if again:
        ledger.flops += objective.forward_flops(recipe.model, size, prepared)


def tokens_of(phase: Phase, corpus: Corpus) -> float:
    """Text tokens of an update, on average: of its rows and, where those must hold views, of the
    rows between them.
    """  # noqa: D205
    rows = phase.rows_per_update / corpus.usable("train", phase.views).mean()
    return float(rows) * corpus.card.tokens["train"] / corpus.card.rows["train"]


WHERE_VIEWS_ARE: dict[Views, str] = {
    "pairs": "dataset=pydocs has pairs (summary and body), and so has any table whose two columns "
    "dataset.pair_columns names",
    "triplets": "any table has them whose three columns dataset.pair_columns names (an anchor, its "
    "positive, a hard negative)",
    "images": "a data set of the hub has them whose columns dataset.image_column and "
    "dataset.text_column name",
}


def check_rows(objective: Trainable, corpus: Corpus) -> None:
    """Raise ValueError if the corpus is smaller than one update."""
    for phase in objective.phases:
        usable = int(corpus.usable("train", phase.views).sum())
        if phase.views and not usable:
            raise ValueError(
                f"{objective.name} needs {phase.views}, and {corpus.card.label} holds none: "
                f"{WHERE_VIEWS_ARE[phase.views]}"
            )
        if usable < phase.rows_per_update:
            kind = f"rows with {phase.views}" if phase.views else "rows"
            raise ValueError(
                f"{corpus.card.label} has {usable} {kind} to train on, fewer than the "
                f"{phase.rows_per_update} that {objective.name} takes for one update; give more "
                "text, or lower objective.rows_per_update"
            )
