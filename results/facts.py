"""What a report says beside the figures: set-up, checks of fairness, caveats."""

from typing import Any

from results.comparison import StoredRun, Stratum
from results.tables import quantity

UNIGRAM_GAP = 0.1
"""Nats by which training and held-out text may differ under one unigram model."""


def setup(stratum: Stratum) -> list[tuple[str, str]]:
    """Model, corpus, recipe, machine."""
    record = stratum.record
    corpus, trainer, environment = record.corpus, record.config["trainer"], record.environment
    documents = corpus["documents"]
    tokens = " / ".join(quantity(corpus["tokens"][s]) for s in ("train", "validation", "test"))
    kept = " / ".join(f"{documents['kept'][s]:,}" for s in ("train", "validation", "test"))
    return [
        ("model", stratum.key["model"] + f", dropout {record.config['model']['dropout']}"),
        (
            "corpus",
            f"{corpus['label']}; {documents['read']:,} documents read, {documents['repeats']:,} "
            f"repeats and {documents['near_repeats']:,} held-out near-repeats dropped; {kept} "
            f"documents and {tokens} tokens in train / validation / test",
        ),
        ("data fingerprint", corpus["fingerprint"]),
        (
            "tokenizer",
            f"{record.config['dataset']['tokenizer']}, {corpus['vocabulary_size']:,} tokens "
            f"({corpus['tokenizer'][:12]}); rows of at most {corpus['sequence_length']}",
        ),
        ("seeds", ", ".join(str(seed) for seed in _seeds(stratum))),
        (
            "recipe",
            f"AdamW ({trainer['beta1']}, {trainer['beta2']}), weight decay "
            f"{trainer['weight_decay']}, clipping {trainer['clip_norm']}, warm-up "
            f"{trainer['warmup']:.0%} of the budget, {trainer['decay']} decay",
        ),
        ("machine", environment["hardware"]),
        (
            "versions",
            ", ".join(f"{k} {v}" for k, v in environment.items() if k not in ("hardware",)),
        ),
    ]


def checks(stratum: Stratum) -> list[str]:
    """What was held equal, as the records show it."""
    runs = [run for row in stratum.models for run in row.runs]
    return [
        _same_start(runs),
        _same_stream(runs),
        _same_size(runs),
        _same_budget(stratum, runs),
        _same_text(stratum),
    ]


def caveats(stratum: Stratum) -> list[str]:
    """What a reader should not conclude."""
    record = stratum.record
    found = ["untuned: each objective's learning rate is one value, not the best of several"]
    seeds = _seeds(stratum)
    if len(seeds) == 1:
        found.append("one seed: no interval over seeds; another seed may reorder close models")
    elif len(seeds) < 5:
        found.append(f"{len(seeds)} seeds: only large differences can be resolved")
    if record.config["budget"]["unit"] == "seconds":
        found.append("a budget in seconds is not repeatable")
    epochs = max(
        run.record.training["ledger"]["rows"] / record.corpus["rows"]["train"]
        for row in stratum.models
        for run in row.runs
    )
    if epochs > 1:
        found.append(f"the training text was seen up to {epochs:.1f} times")
    found.append(
        "small models on small budgets: which objective is ahead changes with the budget (masked "
        "models need more updates before they leave the unigram plateau)"
    )
    if stratum.untrained is None:
        found.append("the models could not be measured before training, so floors are missing")
    return found


def _seeds(stratum: Stratum) -> list[int]:
    return sorted({seed for row in stratum.models for seed in row.seeds})


def _by_seed(runs: list[StoredRun], fact: str) -> dict[int, set[Any]]:
    found: dict[int, set[Any]] = {}
    for run in runs:
        found.setdefault(run.record.seed, set()).add(run.record.training[fact])
    return found


def _same_start(runs: list[StoredRun]) -> str:
    if all(len(hashes) == 1 for hashes in _by_seed(runs, "init_hash").values()):
        return "same start: at each seed all backbones began with the same weights (by hash)"
    return "**not the same start**: initial backbone weights differ between models of one seed"


def _same_stream(runs: list[StoredRun]) -> str:
    """Compare the running hashes of row ids as far as two runs both got."""
    shortest = min(run.record.training["ledger"]["rows"] for run in runs)
    common = [
        count
        for count in runs[0].record.training["rows_hash_at"]
        if all(count in run.record.training["rows_hash_at"] for run in runs)
    ]
    if not common:
        return "the streams of rows are too short to be compared"
    last = max(common, key=int)
    hashes: dict[int, set[str]] = {}
    for run in runs:
        hashes.setdefault(run.record.seed, set()).add(run.record.training["rows_hash_at"][last])
    if all(len(found) == 1 for found in hashes.values()):
        return (
            f"same text in the same order: the first {int(last):,} rows that the models of one "
            f"seed received are the same (by running hash; the shortest run took {shortest:,})"
        )
    return "**not the same text**: models of one seed received different rows"


def _same_size(runs: list[StoredRun]) -> str:
    sizes = {run.record.training["backbone_parameters"] for run in runs}
    if len(sizes) == 1:
        return f"same size: every backbone has {sizes.pop():,} parameters; heads are listed above"
    return f"**not the same size**: backbones have {', '.join(map(str, sorted(sizes)))} parameters"


def _same_budget(stratum: Stratum, runs: list[StoredRun]) -> str:
    budget = stratum.record.config["budget"]
    spent = [run.record.training["ledger"][budget["unit"]] / budget["amount"] for run in runs]
    return (
        f"same budget: between {min(spent):.1%} and {max(spent):.1%} of "
        f"{quantity(budget['amount'])} {budget['unit']} was spent"
    )


def _same_text(stratum: Stratum) -> str:
    nats = stratum.record.corpus["unigram_nats"]
    gap = max(nats.values()) - min(nats.values())
    figures = ", ".join(f"{split} {value:.2f}" for split, value in nats.items())
    alike = "alike" if gap <= UNIGRAM_GAP else "**unlike**: the held-out text is of another kind"
    return f"splits {alike} under the training split's unigram model (nats: {figures})"
