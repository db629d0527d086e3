"""Two studies beside each other: which rows belong together, and what their figures differ by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from results.comparison import Stratum
from results.findings import probe_figures
from results.learning import loss_columns
from results.record import FINISHED, RunRecord
from results.rows import Figure, Row
from results.settings import differing, measure_settings, told
from results.statistics import Contrast, Estimate

A, B = "A", "B"
"""What the two are called."""

LOSSES = ("nats", "bits_per_byte", "adapted")
"""Of the metrics of a loss, those that stand for it; others are parts of it."""

MEASURED_BY = {
    "probe": {"pooling", "poolings", "layers", "passes", "within_word"},
    "loss": {"rows"},
    "contrastive loss": {"rows", "candidates"},
    "pairs": {"pairs", "candidates", "temperature", "pooling"},
}
"""Settings of measuring (runners/measures/config.py) that figures of a kind depend on."""

T = TypeVar("T")


def matched(
    first: Sequence[T], second: Sequence[T], distance: Callable[[T, T], int | None]
) -> tuple[list[tuple[T, T]], list[T], list[T]]:
    """Pairs out of two lists, the nearest first, each item once.

    Args:
        first: one list.
        second: the other.
        distance: of two items; None where they cannot be a pair.

    Returns:
        The pairs in the order of the first list, and what is left of both lists.
    """
    near = sorted(
        (apart, i, j)
        for i, one in enumerate(first)
        for j, other in enumerate(second)
        if (apart := distance(one, other)) is not None
    )
    partner: dict[int, int] = {}
    for _, i, j in near:
        if i not in partner and j not in partner.values():
            partner[i] = j
    pairs = [(first[i], second[j]) for i, j in sorted(partner.items())]
    left = [one for i, one in enumerate(first) if i not in partner]
    return pairs, left, [other for j, other in enumerate(second) if j not in partner.values()]


def match_strata(
    first: Sequence[Stratum], second: Sequence[Stratum]
) -> tuple[list["Pair"], list[Stratum], list[Stratum]]:
    """Groups of runs that share most: objectives, then model, budget, data, code."""

    def distance(one: Stratum, other: Stratum) -> int:
        names = one.key.keys() | other.key.keys()
        unlike = sum(one.key.get(name) != other.key.get(name) for name in names)
        return unlike + len(names) * (not set(one.objectives) & set(other.objectives))

    pairs, only_first, only_second = matched(first, second, distance)
    return [Pair(*pair) for pair in pairs], only_first, only_second


def _rows_apart(one: Row, other: Row) -> int | None:
    if one.objective != other.objective:
        return None
    return len(differing([one.settings, other.settings]))


@dataclass(frozen=True, eq=False)
class Difference:
    """A figure that both have.

    Attributes:
        figure: which.
        first, second: what either has.
        contrast: second minus first; None where the two say nothing of each other.
        why: why there is no contrast, or no interval.
    """

    figure: Figure
    first: Estimate
    second: Estimate
    contrast: Contrast | None
    why: str

    @property
    def p(self) -> float | None:
        """Of the contrast, where it has an interval."""
        return self.contrast.p if self.contrast and self.contrast.low is not None else None


@dataclass(frozen=True, eq=False)
class Pair:
    """Runs of one study that may be ranked, beside those of the other.

    Attributes:
        first: of the one.
        second: of the other.
    """

    first: Stratum
    second: Stratum

    @cached_property
    def _matched(self) -> tuple[list[tuple[Row, Row]], list[Row], list[Row]]:
        return matched(self.first.models, self.second.models, _rows_apart)

    @property
    def rows(self) -> list[tuple[Row, Row]]:
        """Models of one objective, those that share most settings with each other."""
        return self._matched[0]

    @property
    def only(self) -> tuple[list[Row], list[Row]]:
        """Models without a partner, of either."""
        return self._matched[1:]

    @cached_property
    def joint(self) -> Stratum:
        """All of both, so that contrasts are worked out as within one report."""
        sides = self.first, self.second
        return Stratum(
            key={},
            models=[row for side in sides for row in side.models],
            untrained=[],
            baselines=[row for side in sides for row in side.baselines],
            failed=[record for side in sides for record in side.failed],
            raw={**self.second.raw, **self.first.raw},
        )

    @property
    def figures(self) -> list[Figure]:
        """Whole probes and losses that either has."""
        there = set(self.joint.measures("loss "))
        losses = [
            (measure, metric)
            for measure in loss_columns(self.joint)
            for metric in LOSSES
            if (measure, metric) in there
        ]
        return [*probe_figures(self.joint), *losses]

    def differences(self, first: Row, second: Row) -> list[Difference]:
        """Every figure that both rows have, in the order of `figures`."""
        return [
            self._difference(first, second, figure, one, other)
            for figure in self.figures
            if (one := self.first.estimate(first, *figure))
            and (other := self.second.estimate(second, *figure))
        ]

    def figures_of_one(self, first: Row, second: Row) -> tuple[list[Figure], list[Figure]]:
        """Figures that only the first row has, and those that only the second has."""
        has = {
            row: {f for f in self.figures if self.joint.estimate(row, *f)}
            for row in (first, second)
        }
        mine, others = has[first] - has[second], has[second] - has[first]
        return [f for f in self.figures if f in mine], [f for f in self.figures if f in others]

    def _difference(
        self, first: Row, second: Row, figure: Figure, one: Estimate, other: Estimate
    ) -> Difference:
        records = [_record_of(row, figure) for row in (first, second)]
        measure = self.joint.raw.get(figure[0], figure[0])
        why = unlike(records[0], records[1], measure, figure[1])
        if why:
            return Difference(figure, one, other, None, why)
        contrast = self.joint.contrast(second, first, *figure)
        if contrast is None:
            contrast = Contrast(other.value - one.value, None, None, 1.0, "", ())
        return Difference(figure, one, other, contrast, _why_open(first, second, figure, contrast))


def _record_of(row: Row, figure: Figure) -> RunRecord:
    """The first that has the figure."""
    runs = [run for model in row.models for run in model.runs]
    place = (*figure, row.method)
    return next(run.record for run in runs if place in run.values)


def _why_open(first: Row, second: Row, figure: Figure, contrast: Contrast) -> str:
    """Why a difference has no interval; empty where it has one."""
    if contrast.low is not None:
        return ""
    if not contrast.seeds:
        return "no seed in common"
    samples = [
        found
        for row in (first, second)
        for model in row.models
        if model.seed in contrast.seeds and (found := model.sample(figure, row.method))
    ]
    if not all(len(each.groups) for each in samples):
        return "one seed, and of this figure no test examples are kept"
    if not all(each.fits(samples[0]) for each in samples):
        return "one seed, and no test examples that both are known to share"
    return "equal on every test example"


def unlike(first: RunRecord, second: RunRecord, measure: str, metric: str) -> str:
    """Why a figure of two records says nothing of what was trained, or "".

    Args:
        first: of the one.
        second: of the other.
        measure: as records name it.
        metric: of it.
    """
    kind, _, name = measure.partition(" ")
    if kind == "probe":
        other = _other_data(first, second, name)
    else:
        other = _other_text(first, second, metric)
    ways = [_way_of(record, measure, metric) for record in (first, second)]
    names = differing(ways)
    if other or not names:
        return other
    return f"measured otherwise: {told(ways[0], names)} in {A}, {told(ways[1], names)} in {B}"


def _way_of(record: RunRecord, measure: str, metric: str) -> dict[str, object]:
    """How a record took a figure."""
    kind, _, name = measure.partition(" ")
    if kind == "loss":
        additive = record.columns.get(name, {}).get("additive", True)
        kind = "loss" if additive else "contrastive loss"
    names = MEASURED_BY["pairs" if measure == "loss pairs" else kind]
    by = {
        f"measures.{each}": value
        for each, value in record.config["measures"].items()
        if each in names or (metric == "adapted" and each.startswith("adaptation_"))
    }
    return {**measure_settings(record, measure), **by}


def _other_data(first: RunRecord, second: RunRecord, name: str) -> str:
    """Of a probe; records of earlier versions know no hash of its data."""
    name = name.removesuffix(FINISHED)
    hashes = [record.probe_data.get(name) for record in (first, second)]
    if all(hashes):
        return "" if hashes[0] == hashes[1] else "other data of the probe"
    facts = [record.probe_facts.get(name) for record in (first, second)]
    if first.corpus.fingerprint == second.corpus.fingerprint and facts[0] == facts[1]:
        return ""
    return "the records do not tell whether the probe's data are the same"


def _other_text(first: RunRecord, second: RunRecord, metric: str) -> str:
    """Of a loss, which is taken on held-out text of the corpus."""
    one, other = first.corpus, second.corpus
    if one.fingerprint == other.fingerprint:
        return ""
    if (one.label, one.documents, one.num_bytes) != (other.label, other.documents, other.num_bytes):
        return "other held-out text"
    if one.tokenizer == other.tokenizer:
        return "other rows of the held-out text"
    if metric == "bits_per_byte":
        return ""
    return "another tokenizer, whose tokens hold another amount of text"
