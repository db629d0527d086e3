"""What a report says beside the figures: set-up, checks of fairness, caveats. As Markdown."""

from collections.abc import Mapping
from typing import Any

from results.comparison import Stratum
from results.costs import better_model, tokens_a_parameter
from results.markdown import escape, quantity
from results.record import RunRecord
from results.rows import StoredRun
from results.settings import differing, told
from results.titles import figure_title

UNIGRAM_GAP = 0.1
"""Nats by which training and held-out text may differ under one unigram model."""

SPLITS = ("train", "validation", "test")


def setup(stratum: Stratum) -> list[tuple[str, str]]:
    """Model, corpus, recipe, machine; a recipe that rows do not share names its values by row."""
    record = stratum.record
    corpus, environment = record.corpus, record.environment
    names = {name: escape(value) for name, value in environment.items()}
    return [
        ("model", escape(stratum.key["model"])),
        ("corpus", _corpus(corpus)),
        *(("how it was read", escape(note)) for note in corpus.get("notes", [])),
        ("data fingerprint", corpus["fingerprint"]),
        (
            "tokenizer",
            f"{escape(record.config['dataset']['tokenizer'])}, {corpus['vocabulary_size']:,} "
            f"tokens ({corpus['tokenizer'][:12]}); rows of at most {corpus['sequence_length']}",
        ),
        ("seeds", ", ".join(str(seed) for seed in seeds(stratum))),
        ("recipe", _recipe(stratum)),
        *(("states read", told) for told in _readouts(stratum)),
        ("machine", names.get("hardware", "")),
        (
            "versions",
            ", ".join(f"{k} {v}" for k, v in names.items() if k not in ("hardware", "source")),
        ),
        ("source", names.get("source", "")),
    ]


def _readouts(stratum: Stratum) -> list[str]:
    """Which layer each model's vectors were read from, where it was chosen; a line a probe."""
    found: dict[str, str] = {}
    for figure in stratum.measures("probe "):
        told = []
        for row in (*stratum.models, *stratum.untrained):
            values = [model.value(figure) for model in row.models]
            notes = [value.note for value in values if value and value.note.startswith("layer ")]
            if notes:
                each = {note: notes.count(note) for note in notes}
                times = [f"{note} at {count} seed(s)" for note, count in each.items()]
                told.append(f"{row.label} " + ", ".join(times if len(each) > 1 else each))
        if told:
            found.setdefault(figure[0].removeprefix("probe "), "; ".join(told))
    return [escape(f"{probe}: {told}") for probe, told in found.items()]


def _corpus(corpus: dict[str, Any]) -> str:
    documents = corpus["documents"]
    tokens = " / ".join(quantity(corpus["tokens"][split]) for split in SPLITS)
    kept = " / ".join(f"{documents['kept'][split]:,}" for split in SPLITS)
    dropped = ", ".join(
        f"{documents[name]:,} {what}"
        for name, what in LEFT_OUT.items()
        if documents.get(name) or name in ("repeats", "near_repeats")
    )
    unknown = corpus.get("unknown_share", 0.0)
    return (
        f"{escape(corpus['label'])}; {documents['read']:,} documents read, {dropped} left out; "
        f"{kept} documents and {tokens} tokens in train / validation / test"
        + (f"; {unknown:.1%} of the tokens are unknown to the tokenizer" if unknown else "")
    )


LEFT_OUT = {
    "repeats": "repeats",
    "near_repeats": "held-out near-repeats",
    "blank": "without text",
    "tokenless": "without a token",
}
"""What a corpus may have left out, by the name that its card gives it."""


def _second_moment(trainer: Mapping[str, Any]) -> str:
    if "beta2" in trainer:  # of a version before
        return str(trainer["beta2"])
    return f"squared gradients over {quantity(trainer['second_moment_tokens'])} tokens"


def _decay(trainer: Mapping[str, Any]) -> str:
    if trainer["decay"] == "constant":
        return "no decay"
    share = trainer.get("decay_share", 1.0)
    over = f" over the last {share:.0%} of it" if share < 1 else ""
    return f"{escape(trainer['decay'])} decay{over}"


def _recipe(stratum: Stratum) -> str:
    trainer, model = stratum.record.config["trainer"], stratum.record.config["model"]
    text = (
        f"AdamW ({trainer['beta1']}, {_second_moment(trainer)}), "
        f"weight decay {trainer['weight_decay']}, "
        f"clipping {trainer['clip_norm']}, warm-up {trainer['warmup']:.0%} of the budget, "
        f"{_decay(trainer)}, dropout {model.get('dropout')}, learning rates times "
        f"{trainer.get('learning_rate_scale', 1.0):g}"
    )
    settings = [row.settings for row in stratum.models]
    unlike = [name for name in differing(settings) if not name.startswith("objective.")]
    if not unlike:
        return text
    each = [f"{escape(row.label)}: {escape(told(row.settings, unlike))}" for row in stratum.models]
    return f"{text}. **Not the same for all rows**: {'; '.join(each)}"


def probes(record: RunRecord) -> list[str]:
    """What is known of each probe's data: classes, examples, what was cut or left out."""
    return [
        f"{escape(name)}: " + ", ".join(f"{what} {_shown(value)}" for what, value in known.items())
        for name, known in record.corpus.get("probes", {}).items()
        if known
    ]


def unmeasured(stratum: Stratum) -> list[str]:
    """Why a model has no figure where that is not what its objective lacks."""
    found = []
    for row in stratum.models:
        for measure, metric in stratum.measures("probe "):
            note = row.note((measure, metric))
            if stratum.estimate(row, measure, metric) is None and note not in ("", *LACKING):
                where = f"{row.label}, {figure_title((measure, metric))}"
                found.append(f"{escape(where)}: {escape(note)}")
    return found


LACKING = ("no token likelihood", "no image tower")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1%}" if 0 <= value <= 1 else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def checks(stratum: Stratum) -> list[str]:
    """What was held equal, as the records show it."""
    runs = [run for row in stratum.models for model in row.models for run in model.runs[:1]]
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
    found = [
        "learning rates were not tuned with equal effort: each is its objective's own, and its "
        "YAML says whether it was chosen (for which corpus and budget) or taken over"
    ]
    if len(seeds(stratum)) == 1:
        found.append("one seed: no interval covers seeds; another seed may reorder close models")
    elif len(seeds(stratum)) < 5:
        found.append(f"{len(seeds(stratum))} seeds: only large differences can be resolved")
    if record.config["budget"]["unit"] == "seconds":
        found.append("a budget in seconds is not repeatable")
    better = better_model(stratum)
    if better:
        each = [n for row in stratum.models if (n := tokens_a_parameter(row)) is not None]
        limits = dict.fromkeys(quantity(n) for n in (min(each), max(each)))
        found.append(
            f"undertrained: this model has {' to '.join(limits)} tokens a parameter; `model=auto` "
            f"takes {escape(better)} at this budget"
        )
    epochs = max(
        model.record.training["ledger"]["rows"] / record.corpus["rows"]["train"]
        for row in stratum.models
        for model in row.models
    )
    if epochs > 1:
        found.append(f"the training text was seen up to {epochs:.1f} times")
    found.append(
        "small models on small budgets: which objective is ahead changes with the budget (masked "
        "models need more updates before they leave the unigram plateau)"
    )
    if any(stratum.start_of(row) is None for row in stratum.models):
        found.append("some models have no measurement before training, so floors are missing")
    return found


def seeds(stratum: Stratum) -> list[int]:
    """Of all its models."""
    return sorted({seed for row in stratum.models for seed in row.seeds})


def summary(record: RunRecord) -> str:
    """A stratum in a line, as typed."""
    return f"{record.corpus['label']}, {record.stratum['model']}, {budget(record)}"


def budget(record: RunRecord) -> str:
    """What was spent: `24 T FLOPs`."""
    spent = record.config["budget"]
    names = {"flops": "FLOPs", "tokens": "corpus tokens"}
    return f"{quantity(spent['amount'])} {names.get(spent['unit'], spent['unit'])}"


def unlike(found: list[Stratum]) -> list[str]:
    """For every stratum what tells it from the others beside its summary: `source 3ab4`."""
    names = {"data": "data", "tokenizer": "tokenizer", "source": "source code"}
    lines = []
    for stratum in found:
        parts = [
            f"{what} {stratum.key[name][:8]}"
            for name, what in names.items()
            if len({other.key.get(name, "") for other in found}) > 1
        ]
        if len({other.key.get("versions", "") for other in found}) > 1:
            parts.append(stratum.key["versions"])
        measures = [
            {f"measures.{k}": v for k, v in s.record.config["measures"].items()} for s in found
        ]
        own = {f"measures.{k}": v for k, v in stratum.record.config["measures"].items()}
        parts += [told(own, differing(measures))] if differing(measures) else []
        lines.append("; ".join(parts))
    return lines


def _by_seed(runs: list[StoredRun], fact: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for run in runs:
        found.setdefault(run.record.seed, []).append(run.record.training[fact])
    return {seed: values for seed, values in found.items() if len(values) > 1}


def _same_start(runs: list[StoredRun]) -> str:
    shared = _by_seed(runs, "init_hash")
    if not shared:
        return "no seed was trained twice, so that there is no common start to check"
    if all(len(set(hashes)) == 1 for hashes in shared.values()):
        return "same start: at each seed all backbones began with the same weights (by hash)"
    return "**not the same start**: initial backbone weights differ between models of one seed"


def _same_stream(runs: list[StoredRun]) -> str:
    """Compare the running hashes of row ids as far as two runs of one seed both got."""
    checked = []
    for reached in _by_seed(runs, "rows_hash_at").values():
        common = set.intersection(*(set(each) for each in reached))
        if not common:
            return "the streams of rows are too short to be compared"
        last = max(common, key=int)
        if len({each[last] for each in reached}) > 1:
            return "**not the same text**: models of one seed received different rows"
        checked.append(int(last))
    if not checked:
        return "no seed was trained twice, so that there is no common order of text to check"
    return (
        f"same text in the same order: the first {min(checked):,} rows that the models of one seed "
        "received are the same (by running hash)"
    )


def _same_size(runs: list[StoredRun]) -> str:
    sizes = {run.record.training["backbone_parameters"] for run in runs}
    if len(sizes) == 1:
        return f"same size: every backbone has {sizes.pop():,} parameters; heads are listed above"
    return f"**not the same size**: backbones have {', '.join(map(str, sorted(sizes)))} parameters"


def _same_budget(stratum: Stratum, runs: list[StoredRun]) -> str:
    spent = stratum.record.config["budget"]
    shares = [run.record.training["ledger"][spent["unit"]] / spent["amount"] for run in runs]
    return (
        f"same budget: between {min(shares):.1%} and {max(shares):.1%} of "
        f"{quantity(spent['amount'])} {spent['unit']} was spent"
    )


def _same_text(stratum: Stratum) -> str:
    nats = stratum.record.corpus["unigram_nats"]
    gap = max(nats.values()) - min(nats.values())
    figures = ", ".join(f"{split} {value:.2f}" for split, value in nats.items())
    alike = "alike" if gap <= UNIGRAM_GAP else "**unlike**: the held-out text is of another kind"
    return f"splits {alike} under the training split's unigram model (nats: {figures})"
