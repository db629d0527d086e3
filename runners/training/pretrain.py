"""Pretraining: one model, one objective, one budget."""

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from models.checkpoint_size import PretrainedConfig
from models.initialization import weights_hash
from runners.corpora.corpus import Corpus
from runners.hardware import set_up
from runners.identity import TRAINS, name_of, training_source, versions
from runners.plain import plain
from runners.progress import Progress, Silent
from runners.training.budget import Ledger
from runners.training.checkpoint import WEIGHTS, Checkpoints
from runners.training.initial import initial_model
from runners.training.loop import AtMark, Loop
from runners.training.recipe import Recipe
from runners.training.trained import (
    FACTS,
    DamagedError,
    Trained,
    Training,
    read_training,
    write_training,
)
from runners.training.updates import check_rows
from runners.training.weights import load_weights


def training_name(recipe: Recipe, corpus: Corpus) -> str:
    """The name of what is trained: measurements are not part of it, so that adding a probe does
    not train again.
    """  # noqa: D205
    content = plain(recipe)
    del content["trainer"]["checkpoint_seconds"]
    processes = content["trainer"].pop("processes")
    packages = [*TRAINS, *(["transformers"] if isinstance(recipe.model, PretrainedConfig) else [])]
    if recipe.objective is None:  # an untrained model carries the heads of all columns
        label, kept = "untrained", ["seed", "model", "columns"]
    else:
        label, kept = recipe.objective.name, ["seed", "model", "objective", "budget", "trainer"]
    hashed = name_of(
        [{key: content[key] for key in kept}, versions(*packages)],
        corpus.card.fingerprint,
        training_source(),
    )
    shared = f"-x{processes}" if processes > 1 and recipe.objective is not None else ""
    return f"{label}-s{recipe.seed}-{hashed}{shared}"


def pretrain(
    recipe: Recipe,
    corpus: Corpus,
    models: Path,
    progress: Progress,
    at_mark: AtMark | None = None,
    *,
    call_others: Callable[[str], None] | None = None,
) -> Trained:
    """Train a model, or load it if it has been trained, or go on where it was interrupted.

    SIGTERM and Ctrl-C end it once the update under way is taken and a checkpoint written.

    Args:
        recipe: what decides the weights.
        corpus: that is read.
        models: the folder of all trained models.
        progress: told of every point of the curve.
        at_mark: called so often as the recipe evaluates; it leaves the model as it was.
        call_others: called with the training's name where there is something to train by several
            processes, of which this is the first; the others answer by `along`.

    Raises:
        DivergedError: loss, gradient or input is not finite.
        CheckpointError: it was interrupted, and every checkpoint is damaged.
        ValueError: the corpus has fewer rows than one update takes, or other processes are half
            through this training.
    """
    set_up(recipe.trainer)
    if recipe.objective is not None:
        check_rows(recipe.objective, corpus)
    folder = models / training_name(recipe, corpus)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        model = initial_model(recipe, corpus)
        training, checkpoints = _finished(folder, progress), Checkpoints(folder, progress.say)
        if training is None:
            training = Training(Ledger(), weights_hash(model.backbone))
            if recipe.objective is not None:
                _check_world(folder, recipe.trainer.processes)
                if call_others is not None:
                    call_others(folder.name)
                loop = Loop(recipe, corpus, model, training, checkpoints, progress, at_mark)
                training, model = loop.run()
            write_training(folder, training, model if recipe.objective is not None else None)
        elif recipe.objective is not None:
            load_weights(model, folder / WEIGHTS)
        checkpoints.remove()
    return Trained(model.to(recipe.trainer.device).eval(), training, folder)


def along(recipe: Recipe, corpus: Corpus, models: Path) -> Callable[[], object]:
    """What takes part in a training that the first process leads and keeps."""
    set_up(recipe.trainer)
    model = initial_model(recipe, corpus)
    folder = models / training_name(recipe, corpus)
    checkpoints = Checkpoints(folder, Silent().say)
    return Loop(recipe, corpus, model, Training(Ledger(), ""), checkpoints, Silent(), None).run


def _check_world(folder: Path, processes: int) -> None:
    """Raise ValueError where as many processes as are not here have begun this very training."""
    alone = re.sub(r"-x\d+$", "", folder.name)
    for other in [folder.with_name(alone), *folder.parent.glob(f"{alone}-x*")]:
        begun = other.is_dir() and any(other.glob("checkpoints/*"))
        if other != folder and begun and not (other / FACTS).is_file():
            world = int(other.name.removeprefix(alone).removeprefix("-x") or 1)
            raise ValueError(
                f"{world} process(es) are half through this training, and {processes} would take "
                f"other steps: go on with {world} (torchrun --nproc-per-node), or delete {other} "
                "to begin anew"
            )


def _finished(folder: Path, progress: Progress) -> Training | None:
    """A finished training; None where there is none, or it is damaged and to be made again.

    Then what was measured of it is deleted: on a GPU the next model may be another.
    """
    try:
        return read_training(folder)
    except DamagedError as error:
        progress.say(f"{error}; the model is trained again")
    (folder / FACTS).unlink()
    shutil.rmtree(folder / "measures", ignore_errors=True)
    return None


def trained_already(recipe: Recipe, corpus: Corpus, models: Path) -> Trained | None:
    """The model, if its training is finished and whole."""
    folder = models / training_name(recipe, corpus)
    with contextlib.suppress(DamagedError):
        if read_training(folder) is not None:
            return pretrain(recipe, corpus, models, Silent())
    return None
