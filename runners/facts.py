"""What a record says of a job beside its figures: the training, the objectives, the provenance."""

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import torch

from models.checkpoint_size import PretrainedConfig
from models.initialization import weights_hash
from objectives.trainable import Trainable
from results.training import TrainingFacts
from runners.configuration.experiment import ExperimentConfig, identity
from runners.configuration.presets import better_preset
from runners.hardware import describe
from runners.identity import MEASURES, OURS, source_hash, versions
from runners.job import Job
from runners.plain import plain
from runners.probes.contamination import held_in_training
from runners.training.trained import Trained

POSITIONS = ("position_embedding", ".wpe.")
"""In the names of learned positions: ours and BERT's, and GPT-2's."""


def training_facts(trained: Trained, config: ExperimentConfig) -> TrainingFacts:
    """What was spent and trained, and the hashes that show what was held equal."""
    model, training, objective = trained.model, trained.training, config.objective
    return TrainingFacts(
        ledger=training.ledger,
        parameters=_count(model),
        backbone_parameters=_count(model.backbone),
        embedding_parameters=_count(model.backbone.token_embedding),
        position_parameters=sum(
            parameter.numel()
            for name, parameter in model.backbone.named_parameters()
            if any(own in name for own in POSITIONS)
        ),
        head_parameters={name: _count(head) for name, head in model.heads.items()},
        init_hash=training.init_hash,
        weights_hash=weights_hash(model),
        rows_hash=training.rows_hash,
        rows_hash_at=training.rows_hash_at,
        folder=trained.folder.name,
        rows_at_once=training.rows_at_once,
        phases=[asdict(phase) for phase in objective.phases] if objective else [],
        optimizer=config.trainer.told,
        matrix_weights=config.model.matrix_weights,
        better_model=_better_model(config) if objective else None,
    )


def _better_model(config: ExperimentConfig) -> dict[str, Any] | None:
    """The smaller preset that `model=auto` would take; a checkpoint was trained before."""
    if isinstance(config.model, PretrainedConfig):
        return None
    found = better_preset(config.budget, config.model.matrix_weights)
    return {"name": found.name, "weights": found.weights} if found else None


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def stated_traits(objective: Trainable) -> dict[str, Any]:
    """What an objective states of itself, with the first line of its docstring."""
    stated = objective.traits
    traits: dict[str, Any] = plain(stated)
    traits["measured_attention"] = stated.measured_attention or stated.attention
    traits["summary"] = (objective.__doc__ or "").strip().splitlines()[0]
    return traits


def provenance(job: Job) -> dict[str, Any]:
    """What a record says of where it comes from."""
    return {
        "config": identity(job.config),
        "columns": {column.name: stated_traits(column) for column in job.config.columns},
        "corpus": job.corpus.card,
        "skipped_probes": dict(job.skipped),
        "probe_facts": {
            name: plain({**task.facts, **held_in_training(job.corpus, task)})
            for name, task in job.tasks.items()
        },
        "probe_data": {name: task.fingerprint for name, task in job.tasks.items()},
        "environment": {
            "hardware": describe(job.config.trainer),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "source": source_hash(*OURS)[:12],
            **versions("compare", *MEASURES),
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
