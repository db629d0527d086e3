"""What the processes after the first do, of those that torchrun started: train along, no more."""

import json
import signal

from runners.configuration.experiment import ExperimentConfig, written
from runners.configuration.read import read
from runners.corpora.building import build_corpus
from runners.distributed import Ranks, ranks
from runners.training.pretrain import along, training_name


def call_others(config: ExperimentConfig, name: str) -> None:
    """Let the other processes train a job along with this one, the first.

    Args:
        config: of the job, resolved.
        name: of the training.

    Raises:
        SharedError: one of them cannot; then none does.
    """
    group = ranks()
    group.tell(json.dumps({"config": written(config), "name": name}))
    with group.together():
        pass


def follow(group: Ranks) -> None:
    """Train along whatever the first process trains, until it dismisses this one.

    Interrupts are the first process's matter: it saves, and ends the others by its own end.
    """
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, signal.SIG_IGN)
    while told := group.told():
        try:
            with group.together():
                content = json.loads(told)
                config = read(content["config"])
                corpus = build_corpus(
                    config.dataset,
                    output_dir=config.output_dir,
                    hub_dir=config.hub_dir,
                    say=_silent,
                )
                if training_name(config.recipe, corpus) != content["name"]:
                    raise ValueError("its code or its libraries are not the first process's")
                train = along(config.recipe, corpus, config.output_dir / "models")
            train()
        except Exception:  # the first process tells it
            continue


def _silent(_: str) -> None:
    pass
