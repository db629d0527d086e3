"""Was it fair? What was held equal, as the records show it."""

from typing import Any

from results.comparison import Stratum
from results.costs import off_budget
from results.figures import quantity
from results.page import Bullets, Section, strong
from results.rows import StoredRun

UNIGRAM_GAP = 0.1
"""Nats by which training and held-out text may differ under one unigram model."""


def section(stratum: Stratum) -> Section | None:
    """A line for everything that was to be held equal."""
    return Section("Was it fair?", [Bullets(checks(stratum))])


def checks(stratum: Stratum) -> list[str]:
    """The lines."""
    runs = [run for row in stratum.models for model in row.models for run in model.runs[:1]]
    return [
        _same_start(runs),
        _same_stream(runs),
        _same_size(runs),
        _same_budget(stratum, runs),
        _same_text(stratum),
    ]


def _by_seed(runs: list[StoredRun], fact: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for run in runs:
        found.setdefault(run.record.seed, []).append(getattr(run.record.trained, fact))
    return {seed: values for seed, values in found.items() if len(values) > 1}


def _same_start(runs: list[StoredRun]) -> str:
    shared = _by_seed(runs, "init_hash")
    if not shared:
        return "no seed was trained twice, so that there is no common start to check"
    if all(len(set(hashes)) == 1 for hashes in shared.values()):
        return "same start: at each seed all backbones began with the same weights (by hash)"
    unlike = strong("not the same start")
    return f"{unlike}: initial backbone weights differ between models of one seed"


def _same_stream(runs: list[StoredRun]) -> str:
    """Compare the running hashes of row ids as far as two runs of one seed both got."""
    checked = []
    for reached in _by_seed(runs, "rows_hash_at").values():
        common = set.intersection(*(set(each) for each in reached))
        if not common:
            return "the streams of rows are too short to be compared"
        last = max(common, key=int)
        if len({each[last] for each in reached}) > 1:
            return f"{strong('not the same text')}: models of one seed received different rows"
        checked.append(int(last))
    if not checked:
        return "no seed was trained twice, so that there is no common order of text to check"
    return (
        f"same text in the same order: the first {min(checked):,} rows that the models of one seed "
        "received are the same (by running hash)"
    )


def _same_size(runs: list[StoredRun]) -> str:
    sizes = {run.record.trained.backbone_parameters for run in runs}
    if len(sizes) == 1:
        return f"same size: every backbone has {sizes.pop():,} parameters; heads are listed above"
    each = ", ".join(map(str, sorted(sizes)))
    return f"{strong('not the same size')}: backbones have {each} parameters"


def _same_budget(stratum: Stratum, runs: list[StoredRun]) -> str:
    spent = stratum.record.config["budget"]
    shares = [run.record.trained.ledger.spent(spent["unit"]) / spent["amount"] for run in runs]
    missed = [row.label for row in stratum.models if off_budget(row) is not None]
    same = strong(f"not the same budget ({', '.join(missed)})") if missed else "same budget"
    return (
        f"{same}: between {min(shares):.1%} and {max(shares):.1%} of "
        f"{quantity(spent['amount'])} {spent['unit']} was spent"
    )


def _same_text(stratum: Stratum) -> str:
    nats = stratum.record.corpus.unigram_nats
    gap = max(nats.values()) - min(nats.values())
    figures = ", ".join(f"{split} {value:.2f}" for split, value in nats.items())
    unlike = f"{strong('unlike')}: the held-out text is of another kind"
    alike = "alike" if gap <= UNIGRAM_GAP else unlike
    return f"splits {alike} under the training split's unigram model (nats: {figures})"
