"""Which figures a command is about: the primary ones, checked and said before anything trains."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from runners.configuration.build import nearest
from runners.job import Job
from runners.measures.pairs import natural_pair_splits
from runners.probes.base import Probe
from runners.probes.scores import MODES


def check_primary(primary: Iterable[str], probes: Sequence[Probe], known: Iterable[str]) -> None:
    """Raise ValueError where a primary figure is one that no probe can give.

    Args:
        primary: `PROBE METRIC` each.
        probes: that are chosen.
        known: names of further probes, which are not chosen and whose figures are not looked at.
    """
    chosen = {probe.name: probe for probe in probes}
    names = sorted({*chosen, *known})
    for figure in primary:
        name, _, metric = figure.rpartition(" ")
        if not name:
            raise ValueError(
                f"measures.primary: {figure!r} is no figure; it is written 'PROBE METRIC'"
            )
        if name not in names:
            raise ValueError(
                f"measures.primary: {figure!r} names no probe; "
                f"{nearest(name, names)}known: {', '.join(names)}"
            )
        metrics = _possible(chosen[name]) if name in chosen else ()
        if metrics and metric not in metrics:
            raise ValueError(
                f"measures.primary: {name} has no figure {metric!r}; "
                f"{nearest(metric, metrics)}known: {', '.join(metrics)}"
            )


def announcement(jobs: Sequence[Job]) -> str:
    """One line: what is primary, and what is measured besides."""
    primary: dict[str, None] = {}
    probes: dict[str, None] = {}
    losses: dict[str, None] = {}
    for job in jobs:
        declared = [figure.rpartition(" ") for figure in job.config.measures.primary]
        for probe in job.config.probes:
            if probe.name not in job.tasks:
                continue
            probes[probe.name] = None
            own = [metric for name, _, metric in declared if name == probe.name]
            given = [metric for metric in own if metric in (_names(probe) or own)]
            for metric in given if own else [probe.main_metric]:
                primary[f"{probe.name} {metric}".strip()] = None
        losses |= dict.fromkeys(column.name for column in job.config.columns)
    if any(natural_pair_splits(job.corpus, job.config.measures) for job in _by_corpus(jobs)):
        losses["natural pairs"] = None
    first = (
        f"primary: {', '.join(primary)}" if primary else "no primary figure (no probe is chosen)"
    )
    others = f", and the other figures of {', '.join(probes)}" if probes else ""
    return f"{first}; also measured: the losses {', '.join(losses)}{others}"


def _possible(probe: Probe) -> tuple[str, ...]:
    """Its figures, those of modes that are switched off too: nothing is misspelt about them."""
    if "modes" not in {field.name for field in fields(probe)}:
        return _names(probe)
    every: Any = {"modes": MODES}
    return tuple(dict.fromkeys((*_names(probe), *_names(replace(probe, **every)))))


def _names(probe: Probe) -> tuple[str, ...]:
    return tuple(metric.name for metric in probe.metrics)


def _by_corpus(jobs: Sequence[Job]) -> list[Job]:
    return list({id(job.corpus): job for job in jobs}.values())
