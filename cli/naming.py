"""Names of the jobs of a sweep, by what is swept: `mlm mlm_probability=0.3, seed 0`."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from cli.overrides import split_override
from runners.configuration.experiment import ExperimentConfig


class Labelled(Protocol):
    """What a name begins with, and its configuration: a job, or what may become one."""

    @property
    def label(self) -> str:
        """The objective's name, or what stands in its place."""

    @property
    def config(self) -> ExperimentConfig:
        """Resolved or not."""


def job_names(jobs: Sequence[Labelled], overrides: Sequence[Sequence[str]]) -> list[str]:
    """A name for each job that no other of them has, unless the two are the same.

    Args:
        jobs: of one command line.
        overrides: of each job, its own value in place of a sweep's.
    """
    given = [{name: value for _, name, value in map(split_override, own)} for own in overrides]
    keys = list(dict.fromkeys(key for values in given for key in values))
    swept = [key for key in keys if len({values.get(key) for values in given}) > 1]
    leaves = Counter(key.rpartition(".")[2] for key in swept)
    names = []
    for job, values in zip(jobs, given, strict=True):
        shown = [
            f"{leaf if leaves[leaf := key.rpartition('.')[2]] == 1 else key}={values[key]}"
            for key in swept
            if key in values and key != "seed" and (key, values[key]) != ("objective", job.label)
        ]
        names.append(f"{job.label} {', '.join(shown)}".rstrip() + f", seed {job.config.seed}")
    return names
