"""One update of the weights: forward and backward by pieces, then a step."""

import contextlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models.blocks import Blocks
from models.heads import TokenHead
from models.initialization import seed_of
from objectives.base import Objective, TrainModel
from objectives.contrastive import TwoStage
from objectives.prepared import LossOutput
from objectives.trainable import Trainable
from runners.distributed import ALONE, ranks
from runners.hardware import autocast
from runners.training.fit import take_step
from runners.training.room import MemoryShortError, is_short_of_memory
from runners.training.trainer import TrainerConfig
from runners.training.updates import Part, Update

TOTAL, NORM = "loss", "norm of the gradient"


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
        self._forward = compile_model(model) if trainer.compile else model
        self.restart(tokens)

    def restart(self, tokens: float) -> None:
        """Go on with an optimizer that remembers nothing."""
        rate = self._objective.learning_rate
        self.optimizer = self._trainer.build(self._model, rate, tokens)

    def go_on(self, tokens: float) -> None:
        """Keep what the optimizer remembers, in updates of another size."""
        self._trainer.resize(self.optimizer, tokens)

    def __call__(self, update: Update, rate: float) -> dict[str, Tensor]:
        """Take an update at learning rate `rate`.

        Returns:
            () float64 each, on the device, since reading one waits for a GPU: the loss before it
            of each term (`loss of clm`), then of all (`TOTAL`), and the gradient's norm (`NORM`).

        Raises:
            MemoryShortError: it needs too much memory; nothing has changed.
        """
        short = ""
        try:
            losses, kept = self.backward(update)
        except (RuntimeError, MemoryError) as error:
            if self._ranks.world > 1 or not is_short_of_memory(error):
                raise
            short = str(error)
        if short:  # here, since the error holds on to what the computation held
            self.optimizer.zero_grad()
            if self._trainer.device == "cuda":
                torch.cuda.empty_cache()
            raise MemoryShortError(short)
        norm = take_step(self.optimizer, self._model, rate=rate, clip_norm=self._trainer.clip_norm)
        assert norm is not None
        for column in self._objective.columns:
            column.after_update(self._model, update.moment, kept.get(column.name, {}))
        return {**losses, NORM: norm.double()}

    def backward(self, update: Update) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
        """The losses of an update, and what objectives kept, by their names; gradients add up.

        Sums are divided once, by the counts of the whole update, so that micro-batches give the
        gradient of the whole batch. Dropout follows from (seed, update, piece). Of several
        processes each takes its own pieces, and all end with the same sums.
        """
        losses: dict[str, Tensor] = {}
        pieces = 0
        kept: dict[str, dict[str, Tensor]] = {}
        for part in update.parts:
            seeds = [
                seed_of("dropout", self._seed, update.moment.step, pieces + i)
                for i in range(len(part.pieces))
            ]
            pieces += len(part.pieces)
            backward = self._backward_by_stages if part.by_pieces else self._backward
            kept[part.leaf.objective.name] = backward(part, seeds, losses)
        losses = self._ranks.add_up(self._of_all(update, losses), self._model)
        total = losses.pop(TOTAL)
        return {**losses, TOTAL: total}, kept

    def _of_all(self, update: Update, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """With a 0 for what this process had no piece of, in the same order in all of them."""
        if self._ranks.world == 1:
            return losses
        nothing = torch.zeros((), dtype=torch.float64, device=self._trainer.device)
        names = [TOTAL, *(_named(part, term) for part in update.parts for term in part.counts)]
        return {name: losses.get(name, nothing) for name in names}

    def _backward(
        self, part: Part, seeds: list[int], losses: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Piece by piece; gradients and `losses` add up."""
        kept = []
        with self._together():
            own = self._ranks.own([*zip(part.pieces, seeds, strict=True)])
            for piece, seed in own:
                torch.manual_seed(seed)
                with autocast(self._trainer):
                    output = self._forward(part.leaf.objective, piece.to(self._trainer.device))
                    parts, loss = _loss(part, output)
                loss.backward()  # type: ignore[no-untyped-call]
                _add(losses, part, parts, loss)
                kept.append(output.kept)
            if self._is_short_of(own, part):
                with autocast(self._trainer):
                    idle = self._forward(
                        part.leaf.objective, part.pieces[0].to(self._trainer.device)
                    )
                    loss = 0.0 * _loss(part, idle)[1]
                loss.backward()  # type: ignore[no-untyped-call]
        return self._whole(part.leaf.objective, kept)

    def _together(self) -> contextlib.AbstractContextManager[None]:
        return self._ranks.together(in_step=self._trainer.shard)

    def _is_short_of(self, own: Sequence[object], part: Part) -> bool:
        """Whether this process has a piece less than others, who could then not put cut blocks
        together without it: it goes through one of theirs for nothing.
        """  # noqa: D205
        return self._trainer.shard and len(own) * self._ranks.world < len(part.pieces)

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

    def _backward_by_stages(
        self, part: Part, seeds: list[int], losses: dict[str, Tensor]
    ) -> dict[str, Tensor]:
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

        with self._together(), torch.set_grad_enabled(not again):
            vectors = {number: embed(number) for number in own}
            idle = embed(0) if self._is_short_of(own, part) else None
        rows = [len(piece.inputs.input_ids) for piece in part.pieces]
        every = self._ranks.gather([*vectors.values()], rows, device)
        with self._together():
            cached = torch.cat(every).detach().requires_grad_()
            torch.manual_seed(seeds[0])  # every process draws alike
            with autocast(self._trainer):
                output = objective.contrast(self._model, cached, leaf.prepared.to(device))
                parts, loss = _loss(part, output)
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
            if idle is not None:
                idle = embed(0) if again else idle
                (0.0 * idle).sum().backward()  # type: ignore[no-untyped-call]
        if self._ranks.first:
            _add(losses, part, parts, loss)
        return dict(output.kept)


def compile_model(model: TrainModel) -> TrainModel:
    """Block by block where the blocks are ours, else as a whole."""
    if not any(isinstance(module, Blocks) for module in model.backbone.modules()):
        whole: TrainModel = torch.compile(model)  # type: ignore[assignment]
        return whole
    for module in model.modules():
        if isinstance(module, Blocks | TokenHead):
            module.compile()
    return model


def _loss(part: Part, output: LossOutput) -> tuple[dict[str, Tensor], Tensor]:
    """What each term gives, and the scalar to differentiate."""
    parts = output.parts(part.counts)
    return parts, part.leaf.weight * torch.stack(list(parts.values())).sum()


def _add(losses: dict[str, Tensor], part: Part, parts: Mapping[str, Tensor], loss: Tensor) -> None:
    """Add what a piece gives to the losses of the update."""
    own = {_named(part, name): value for name, value in parts.items()}
    for name, value in {**own, TOTAL: loss}.items():
        value = value.detach().double()
        losses[name] = losses[name] + value if name in losses else value


def _named(part: Part, term: str) -> str:
    return f"{TOTAL} of {part.leaf.name}{term}"
