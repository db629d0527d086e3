"""What a job will take, counted on the first of its updates and timed on a few."""

import time
from dataclasses import dataclass

from objectives.base import Objective, build_model
from results.store import ResultStore
from runners.budget import Ledger
from runners.hardware import set_up
from runners.job import Job
from runners.pretrain import next_update
from runners.update import UpdateStep, charge

TIMED_STEPS = 6
SAMPLED_STEPS = 50


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job is expected to take.

    Attributes:
        parameters: trained, heads included.
        ledger: expected at the end; only its seconds are timed, the rest is counted on the
            first steps of the stream and scaled.
        disk: bytes of weights, and while it runs a checkpoint three times as large.
        finished: whether its record is there already.
    """

    parameters: int
    ledger: Ledger
    disk: int
    finished: bool


def estimate(job: Job) -> Estimate:
    """Count the first steps of a job, time a few on a throw-away model, and scale to the budget."""
    config, corpus = job.config, job.corpus
    objective = config.objective
    assert objective is not None
    set_up(config.trainer)
    size = corpus.vocabulary.size
    model = build_model(objective, config.model, size, config.seed).to(config.trainer.device)
    step = UpdateStep(model.train(), config.trainer)
    expected, start = Ledger(), 0.0
    for phase in objective.phases:
        sample = _sample(job, objective, step, progress=start)
        scale = phase.share * config.budget.amount / sample.spent(config.budget.unit)
        for name, value in vars(sample).items():
            spent = value * scale if name == "seconds" else round(value * scale)
            setattr(expected, name, getattr(expected, name) + spent)
        start += phase.share
    parameters = sum(parameter.numel() for parameter in model.parameters())
    finished = ResultStore(config.output_dir).finished(job.record_name) is not None
    return Estimate(parameters, expected, 4 * parameters, finished)


def _sample(job: Job, objective: Objective, step: UpdateStep, *, progress: float) -> Ledger:
    """What some updates at a share of the budget take; only the first few are timed."""
    config, corpus = job.config, job.corpus
    size, trainer = corpus.vocabulary.size, config.trainer
    sample, timed_seconds, timed_flops = Ledger(), 0.0, 0
    for number in range(SAMPLED_STEPS):
        before = sample.flops
        _, batch, prepared = next_update(config, objective, corpus, sample, progress)
        charge(sample, objective, batch, prepared, config.model, size, trainer)
        if number < TIMED_STEPS:
            began = time.perf_counter()
            step(prepared, rate=0.0, seed=config.seed, number=number)
            if number:  # the first warms up
                timed_seconds += time.perf_counter() - began
                timed_flops += sample.flops - before
    sample.seconds = timed_seconds / timed_flops * sample.flops
    return sample
