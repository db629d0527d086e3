"""One update of the weights: forward and backward by pieces, then a step."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models.initialization import seed_of
from objectives.base import Objective, TrainModel
from objectives.contrastive import TwoStage
from objectives.trainable import Trainable
from runners.distributed import ALONE, ranks
from runners.hardware import autocast
from runners.training.fit import take_step
from runners.training.trainer import TrainerConfig
from runners.training.updates import Part, Update


class UpdateStep:
    """Computes updates, and holds the optimizer.

    Args:
        model: on its device, in training mode.
        objective: what is trained.
        trainer: resolved.
        seed: of dropout.
        tokens: of text in an update, about.
    """

    def __init__(
        self,
        model: TrainModel,
        objective: Trainable,
        trainer: TrainerConfig,
        *,
        seed: int,
        tokens: float,
    ) -> None:
        self._model, self._objective, self._trainer = model, objective, trainer
        self._seed = seed
        self._ranks = ALONE if trainer.processes == 1 else ranks()
        self._forward = torch.compile(model) if trainer.compile else model
        self.restart(tokens)

    def restart(self, tokens: float) -> None:
        """Go on with an optimizer that remembers nothing."""
        rate = self._objective.learning_rate
        self.optimizer = self._trainer.build(self._model, rate, tokens)

    def go_on(self, tokens: float) -> None:
        """Keep what the optimizer remembers, in updates of another size."""
        self._trainer.resize(self.optimizer, tokens)

    def __call__(self, update: Update, rate: float) -> float:
        """Take an update at learning rate `rate`; the loss before it."""
        total, kept = self.backward(update)
        take_step(self.optimizer, self._model, rate=rate, clip_norm=self._trainer.clip_norm)
        for column in self._objective.columns:
            column.after_update(self._model, update.moment, kept.get(column.name, {}))
        return total

    def backward(self, update: Update) -> tuple[float, dict[str, dict[str, Tensor]]]:
        """The loss of an update, and what objectives kept, by their names; gradients add up.

        Sums are divided once, by the counts of the whole update, so that micro-batches give the
        gradient of the whole batch. Dropout follows from (seed, update, piece). Of several
        processes each takes its own pieces, and all end with the same sums.
        """
        total, pieces = 0.0, 0
        kept: dict[str, dict[str, Tensor]] = {}
        for part in update.parts:
            seeds = [
                seed_of("dropout", self._seed, update.moment.step, pieces + i)
                for i in range(len(part.pieces))
            ]
            pieces += len(part.pieces)
            backward = self._backward_by_stages if part.by_pieces else self._backward
            loss, kept[part.leaf.objective.name] = backward(part, seeds)
            total += loss
        return self._ranks.add_up(total, self._model), kept

    def _backward(self, part: Part, seeds: list[int]) -> tuple[float, dict[str, Tensor]]:
        """Piece by piece; gradients add up."""
        total, kept = 0.0, []
        with self._ranks.together():
            for piece, seed in self._ranks.own([*zip(part.pieces, seeds, strict=True)]):
                torch.manual_seed(seed)
                with autocast(self._trainer):
                    output = self._forward(part.leaf.objective, piece.to(self._trainer.device))
                    loss = part.leaf.weight * output.total(part.counts)
                loss.backward()
                total += float(loss.detach())
                kept.append(output.kept)
        return total, self._whole(part.leaf.objective, kept)

    def _whole(
        self, objective: Objective, kept: Sequence[Mapping[str, Tensor]]
    ) -> dict[str, Tensor]:
        """What was kept of all pieces, in their order."""
        if self._ranks.world > 1:
            if type(objective).after_update is Objective.after_update:
                return {}  # nobody asks for it
            own = [{name: value.cpu() for name, value in each.items()} for each in kept]
            kept = self._ranks.in_order(own)
        whole = {name: torch.cat([each[name] for each in kept]) for name in kept[0]}
        return {name: value.to(self._trainer.device) for name, value in whole.items()}

    def _backward_by_stages(self, part: Part, seeds: list[int]) -> tuple[float, dict[str, Tensor]]:
        """GradCache (Gao et al. 2021): the gradient of a large batch in the memory of a small one.

        Vectors are computed without a graph, the contrast gives their gradients, and each piece
        is computed again, under the same dropout, to carry its own gradients back. Of several
        processes each carries back those of its own pieces, and with one piece each keeps its
        graph. The contrast itself is small, and each computes all of it.
        """
        objective, leaf, device = part.leaf.objective, part.leaf, self._trainer.device
        assert isinstance(objective, TwoStage)
        own = self._ranks.own(range(len(seeds)))
        again = part.computed_again(self._trainer)

        def embed(number: int) -> Tensor:
            torch.manual_seed(seeds[number])
            with autocast(self._trainer):
                return objective.embed(self._model, part.pieces[number].to(device))

        with self._ranks.together(), torch.set_grad_enabled(not again):
            vectors = {number: embed(number) for number in own}
        rows = [len(piece.inputs.input_ids) for piece in part.pieces]
        every = self._ranks.gather([*vectors.values()], rows, device)
        with self._ranks.together():
            cached = torch.cat(every).detach().requires_grad_()
            torch.manual_seed(seeds[0])  # every process draws alike
            with autocast(self._trainer):
                output = objective.contrast(self._model, cached, leaf.prepared.to(device))
                loss = leaf.weight * output.total(part.counts)
            if self._ranks.first:  # what the contrast itself has learned is added up once
                loss.backward()  # type: ignore[no-untyped-call]
                gradient = cached.grad
            else:
                (gradient,) = torch.autograd.grad(loss, cached)
            assert gradient is not None
            gradients = torch.split(gradient, rows)
            for number, vector in vectors.items():
                found = embed(number) if again else vector
                found.backward(gradients[number])  # type: ignore[no-untyped-call]
        return float(loss.detach()) if self._ranks.first else 0.0, dict(output.kept)
