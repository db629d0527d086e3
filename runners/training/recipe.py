"""All that a training may know: what is trained, how, and for how long."""

from dataclasses import dataclass

from models.config import BackboneConfig
from objectives.base import Objective
from objectives.contrastive import goes_by_pieces
from objectives.sequence import InSequence
from objectives.trainable import Trainable
from runners.training.budget import BudgetConfig
from runners.training.trainer import TrainerConfig


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What decides the weights, beside the corpus.

    Attributes:
        objective: what is trained; None stands for the untrained model.
        columns: of the untrained model, the objectives whose heads it carries.
    """

    seed: int
    model: BackboneConfig
    objective: Trainable | None
    budget: BudgetConfig
    trainer: TrainerConfig
    columns: tuple[Objective, ...] = ()


def check_processes(objective: Trainable, processes: int) -> None:
    """Raise ValueError where several processes cannot share an update."""
    whole = [column for column in objective.columns if not goes_by_pieces(column)]
    if whole and processes > 1:
        raise ValueError(
            f"{processes} processes cannot share an update of {objective.name}: the loss of "
            f"{whole[0].name} needs all of its rows at once. Train it with one process (without "
            "torchrun), or make its class a TwoStage (objectives/contrastive.py)"
        )


def check_micro_batches(objective: Trainable, rows: int) -> None:
    """Raise ValueError where an update would have to be computed by pieces and cannot be."""
    if isinstance(objective, InSequence):  # every phase has updates of its own size
        for name in objective.order:
            check_micro_batches(objective.terms[name], rows)
        return
    whole = [column for column in objective.columns if not goes_by_pieces(column)]
    if whole and rows < objective.rows_per_update:
        raise ValueError(
            f"trainer.micro_batch_rows is {rows}, and the loss of {whole[0].name} needs all "
            f"{objective.rows_per_update} rows of an update at once: leave micro_batch_rows out, "
            f"or lower objective.rows_per_update to {rows} (a class of one's own that is a "
            "TwoStage, objectives/contrastive.py, is computed by pieces)"
        )
