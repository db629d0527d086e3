"""Which figures a command is about: the primary ones, checked and said before anything trains."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from results.record import RunRecord
from results.store import ResultStore
from runners.configuration.build import nearest
from runners.job import Job
from runners.measures.pairs import natural_pair_splits
from runners.probes.base import Probe
from runners.probes.scores import MODES

LOSS, LOSS_ALONG = "loss", "held_out"
"""What `optimise` calls the held-out loss, and how its columns begin in a run's curve."""


class JobFailedError(RuntimeError):
    """A job has no value that a sweeper could be told."""


def check_primary(
    primary: Iterable[str],
    probes: Sequence[Probe],
    known: Iterable[str],
    *,
    measured: bool = False,
    own: str = "",
) -> None:
    """Raise ValueError where a primary figure is one that no probe can give.

    Args:
        primary: `PROBE METRIC` each.
        probes: that are chosen.
        known: names of further probes, which are not chosen and whose figures are not looked at.
        measured: refuse figures of modes that are switched off too.
        own: the probe that is set as `probe`, and not among `probes`.
    """
    chosen = {probe.name: probe for probe in probes}
    names = sorted({*chosen, *known})
    for figure in primary:
        name, _, metric = figure.rpartition(" ")
        for begun in chosen:  # the figure may be its title, which has spaces
            if name not in names and figure.startswith(f"{begun} "):
                name, metric = begun, figure.removeprefix(f"{begun} ")
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
        if measured and metrics and metric not in (given := _names(chosen[name])):
            raise ValueError(
                f"measures.primary: {name} does not measure {metric!r} here, which "
                f"{'probe' if name == own else f'probes.{name}'}.modes="
                f"[{','.join(_modes_with(chosen[name], metric))}] would; "
                f"measured: {', '.join(given)}"
            )


def check_optimised(figure: str, probes: Sequence[Probe], *, own: str = "") -> None:
    """Raise ValueError where `optimise` is neither `loss` nor a figure of a chosen probe."""
    if figure == LOSS:
        return
    try:
        check_primary([figure], probes, [], measured=True, own=own)
    except ValueError as error:
        raise ValueError(
            f"{str(error).replace('measures.primary', 'optimise')}; or it is {LOSS}"
        ) from error


def value_of(figure: str, record: RunRecord, store: ResultStore) -> float | Exception:
    """What a sweeper is told of a job.

    Args:
        figure: `loss`, held out at the end of training, of a fusion the mean of its terms; or
            `PROBE METRIC`.
        record: of the job.
        store: that has its curve.

    Returns:
        The value, or an exception where there is none.
    """
    if record.status == "failed":
        return JobFailedError(f"{record.name} failed: {record.error}")
    probe, _, metric = figure.rpartition(" ")
    if figure == LOSS:
        curve = store.curve(record.name)
        held_out = curve[[name for name in curve.columns if name.startswith(LOSS_ALONG)]]
        values = held_out.dropna(how="all").tail(1).mean(axis="columns")
        found = [float(value) for value in values]
    else:
        found = [
            value.value
            for value in record.values
            if (value.measure, value.metric) == (f"probe {probe}", metric)
            and value.value is not None
        ]
    if found:
        return found[0]
    return JobFailedError(f"{record.name} has no figure {figure!r}")


def announcement(jobs: Sequence[Job]) -> str:
    """One line: what is primary, and what is measured besides."""
    primary: dict[str, None] = {}
    probes: dict[str, None] = {}
    losses: dict[str, None] = {}
    skipped: dict[str, str] = {}
    for job in jobs:
        skipped |= job.skipped
        declared = [figure.rpartition(" ") for figure in job.config.measures.primary]
        for probe in job.config.probes:
            if probe.name not in job.tasks:
                continue
            probes[probe.name] = None
            own = [metric for name, _, metric in declared if name == probe.name]
            given = [metric for metric in own if metric in (_names(probe) or own)]
            for metric in given or [probe.main_metric]:
                primary[f"{probe.name} {metric}".strip()] = None
        losses |= dict.fromkeys(column.name for column in job.config.columns)
    if any(natural_pair_splits(job.corpus, job.config.measures) for job in _by_corpus(jobs)):
        losses["natural pairs"] = None
    none = "every probe is left out" if skipped else "no probe is chosen"
    first = f"primary: {', '.join(primary)}" if primary else f"no primary figure ({none})"
    others = f", and the other figures of {', '.join(probes)}" if probes else ""
    left_out = "".join(f"; left out: {name}, since {why}" for name, why in skipped.items())
    return f"{first}; also measured: the losses {', '.join(losses)}{others}{left_out}"


def _possible(probe: Probe) -> tuple[str, ...]:
    """Its figures, those of modes that are switched off too: nothing is misspelt about them."""
    if "modes" not in {field.name for field in fields(probe)}:
        return _names(probe)
    every: Any = {"modes": MODES}
    return tuple(dict.fromkeys((*_names(probe), *_names(replace(probe, **every)))))


def _modes_with(probe: Any, metric: str) -> tuple[str, ...]:
    """Its modes, and the one that is switched off and would give a figure."""
    changed = ((*probe.modes, mode) for mode in MODES if mode not in probe.modes)
    return next(modes for modes in changed if metric in _names(replace(probe, modes=modes)))


def _names(probe: Probe) -> tuple[str, ...]:
    return tuple(metric.name for metric in probe.metrics)


def _by_corpus(jobs: Sequence[Job]) -> list[Job]:
    return list({id(job.corpus): job for job in jobs}.values())
