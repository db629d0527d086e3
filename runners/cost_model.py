"""What a training would take of machines that are not here: counted, with nothing trained or read.

Updates are made of rows that are made up, each as long as a row may be. Their operations are those
that a ledger counts (models/flops.py); their memory is that of the very step, gone through with
tensors that have a shape and no content; what processes send each other follows from the weights.
Only the rate at which a device computes, and that at which it sends, are taken on trust.
"""

import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from objectives.base import TrainModel
from objectives.contrastive import TwoStage
from objectives.randomness import RowRandom
from objectives.trainable import Moment, Trainable
from runners.checks import VOCABULARY, made_batch
from runners.hardware import autocast
from runners.sharding import stacks_of
from runners.training.budget import Ledger
from runners.training.recipe import Recipe
from runners.training.trainer import TrainerConfig
from runners.training.updates import Part, Update, update_of

SAMPLED_STEPS = 8
"""Updates that are counted of each phase: alternating objectives take turns."""

WEIGHT, STATES = 4, 2
"""Bytes of a weight or a gradient; and numbers that AdamW remembers of each."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one training takes.

    Attributes:
        parameters: trained, heads included.
        ledger: at the end; of all processes together, with the seconds of the clock.
        weights, optimizer: bytes in each process, a part of the blocks' where they are cut.
        update: bytes in each process, at most, of what an update computes: gradients, what is kept
            for the backward pass, and what is gone at once.
        traffic: bytes that each process sends for an update, where gradients are summed round a
            ring, and cut blocks put together twice a piece; 0 for one process.
    """

    parameters: int
    ledger: Ledger
    weights: int
    optimizer: int
    update: int
    traffic: int

    @property
    def memory(self) -> int:
        """Bytes in each process."""
        return self.weights + self.optimizer + self.update


def cost(recipe: Recipe, *, vocabulary: int, length: int, rate: float, bandwidth: float) -> Cost:
    """Count a training.

    Args:
        recipe: with its trainer resolved.
        vocabulary: its size.
        length: of a row in tokens, `[CLS]` and `[SEP]` included.
        rate: operations a second that a process's device does.
        bandwidth: bytes a second that it sends.
    """
    objective, trainer, budget = recipe.objective, recipe.trainer, recipe.budget
    assert objective is not None
    with FakeTensorMode():
        model = TrainModel(
            recipe.model.build(vocabulary), objective.build_heads(recipe.model, vocabulary)
        )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    world = trainer.processes
    blocks = _Blocks.of(model) if trainer.shard else _Blocks(0, 0, 0)
    expected, start, peak, traffic = Ledger(), 0.0, 0, 0
    seen: set[object] = set()
    for phase in objective.phases:
        sample, sent, computed = Ledger(), 0.0, 0.0
        for step in range(SAMPLED_STEPS):
            update = _made(recipe, objective, Moment(step, start), vocabulary, length, sample)
            computed += (update.ledger.flops - sample.flops) * _share(update, world)
            sample = update.ledger
            numbers = 2 * (trained - blocks.trained)
            numbers += sum(blocks.sent(part, recipe.trainer) for part in update.parts)
            sent += (world - 1) / world * WEIGHT * numbers
            kind = tuple(part.leaf.objective.name for part in update.parts)
            if kind not in seen:
                seen.add(kind)
                peak = max(peak, _peak(model, update, recipe))
        sample.seconds = computed / rate + sent / bandwidth
        traffic = max(traffic, round(sent / SAMPLED_STEPS))
        scale = phase.share * budget.amount / sample.spent(budget.unit)
        for name, value in vars(sample).items():
            spent = value * scale if name == "seconds" else round(value * scale)
            setattr(expected, name, getattr(expected, name) + spent)
        start += phase.share
    elsewhere = 1 - 1 / world  # of what is cut
    weights = round(WEIGHT * (parameters - elsewhere * blocks.weights))
    states = round(STATES * WEIGHT * (trained - elsewhere * blocks.trained))
    # Gradients that are elsewhere; and two blocks, one of them on its way, whole with theirs.
    peak += round(WEIGHT * (4 * blocks.largest - elsewhere * blocks.trained))
    return Cost(parameters, expected, weights, states, peak, traffic)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """What is cut among processes: weights, those of them that are trained, and the largest."""

    weights: int
    trained: int
    largest: int

    @classmethod
    def of(cls, model: TrainModel) -> "_Blocks":
        blocks = [block for stack in stacks_of(model) for block in stack]
        every = [parameter for block in blocks for parameter in block.parameters()]
        return cls(
            sum(p.numel() for p in every),
            sum(p.numel() for p in every if p.requires_grad),
            max(sum(p.numel() for p in block.parameters()) for block in blocks),
        )

    def sent(self, part: Part, trainer: TrainerConfig) -> int:
        """Numbers: weights for each pass forward and back, and gradients, of every piece."""
        pieces = math.ceil(len(part.pieces) / trainer.processes)
        passes = 3 if part.computed_again(trainer) else 2
        return pieces * (passes * self.weights + self.trained)


def _share(update: Update, world: int) -> float:
    """Of an update's operations, what the busiest process does where all pieces take as many:
    there may be fewer pieces than processes.
    """  # noqa: D205
    pieces = [len(part.pieces) for part in update.parts]
    return sum(math.ceil(count / world) for count in pieces) / sum(pieces)


def _made(
    recipe: Recipe, objective: Trainable, moment: Moment, size: int, length: int, before: Ledger
) -> Update:
    phase = objective.phase(moment.progress)
    batch = made_batch([length - 2] * phase.rows_per_update, width=length)
    draw = RowRandom(recipe.seed, batch.row_ids)
    leaves = objective.prepare(batch, vocabulary=VOCABULARY, draw=draw, moment=moment)
    return update_of(recipe, size, batch, phase, moment, leaves, before)


def _peak(model: TrainModel, update: Update, recipe: Recipe) -> int:
    """Bytes of an update at most, beside weights and the optimizer's."""
    with FakeTensorMode(allow_non_fake_inputs=True), _Live() as live:
        for part in update.parts:
            for piece in part.pieces[:2]:  # with gradients that are there, and without
                with autocast(recipe.trainer):
                    loss = _loss(model, part, piece)
                loss.backward()  # type: ignore[no-untyped-call]
                del loss
        model.zero_grad()
    return int(live.peak)


def _loss(model: TrainModel, part: Part, piece: Any) -> Tensor:
    objective = part.leaf.objective
    if part.by_pieces:
        assert isinstance(objective, TwoStage)
        return objective.embed(model, piece).sum()
    total: Tensor = model(objective, piece).total(part.counts)
    return total


class _Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are made and still there."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = {id(t.untyped_storage()) for t in args if isinstance(t, Tensor)}
        result = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, lambda tensor: self._add(tensor, given), result)
        return result

    def _add(self, tensor: Tensor, given: set[int]) -> None:
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in given or key in self._known:  # a view, or written in place
            return
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size
