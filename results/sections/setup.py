"""The set-up: model, corpus, recipe, machine."""

from collections.abc import Mapping
from typing import Any

from results.comparison import Stratum
from results.corpus import CorpusCard
from results.figures import quantity
from results.page import Bullets, Section, strong
from results.record import RunRecord
from results.settings import differing, told

SPLITS = ("train", "validation", "test")


def section(stratum: Stratum) -> Section | None:
    """A line each; a recipe that rows do not share names its values by row."""
    return Section("Set-up", [Bullets([f"{name}: {value}" for name, value in _lines(stratum)])])


def _lines(stratum: Stratum) -> list[tuple[str, str]]:
    record = stratum.record
    corpus, environment = record.corpus, record.environment
    names = dict(environment)
    return [
        ("model", stratum.key["model"]),
        ("corpus", _corpus(corpus)),
        *(("how it was read", note) for note in corpus.notes),
        ("data fingerprint", corpus.fingerprint),
        (
            "tokenizer",
            f"{record.config['dataset']['tokenizer']}, {corpus.vocabulary_size:,} "
            f"tokens ({corpus.tokenizer[:12]}); rows of at most {corpus.sequence_length}",
        ),
        ("seeds", ", ".join(str(seed) for seed in seeds(stratum))),
        ("recipe", _recipe(stratum)),
        *(("memory was short", told) for told in _by_pieces(stratum)),
        ("machine", names.get("hardware", "")),
        (
            "versions",
            ", ".join(f"{k} {v}" for k, v in names.items() if k not in ("hardware", "source")),
        ),
        ("source", names.get("source", "")),
    ]


def _corpus(corpus: CorpusCard) -> str:
    documents = corpus.documents
    tokens = " / ".join(quantity(corpus.tokens[split]) for split in SPLITS)
    kept = " / ".join(f"{documents.kept[split]:,}" for split in SPLITS)
    dropped = ", ".join(
        f"{getattr(documents, name):,} {what}"
        for name, what in LEFT_OUT.items()
        if getattr(documents, name) or name in ("repeats", "near_repeats")
    )
    unknown = corpus.unknown_share
    return (
        f"{corpus.label}; {documents.read:,} documents read, {dropped} left out; "
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


def _decay(trainer: Mapping[str, Any]) -> str:
    if trainer["decay"] == "constant":
        return "no decay"
    share = trainer.get("decay_share", 1.0)
    over = f" over the last {share:.0%} of it" if share < 1 else ""
    return f"{trainer['decay']} decay{over}"


def _recipe(stratum: Stratum) -> str:
    trainer, model = stratum.record.config["trainer"], stratum.record.config["model"]
    text = (
        f"{stratum.record.trained.optimizer}, clipping {trainer['clip_norm']}, "
        f"warm-up {trainer['warmup']:.0%} of the budget, "
        f"{_decay(trainer)}, dropout {model.get('dropout')}, learning rates times "
        f"{trainer.get('learning_rate_scale', 1.0):g}"
    )
    settings = [row.settings for row in stratum.models]
    unlike = [name for name in differing(settings) if not name.startswith("objective.")]
    if not unlike:
        return text
    each = [f"{row.label}: {told(row.settings, unlike)}" for row in stratum.models]
    return f"{text}. {strong('Not the same for all rows')}: {'; '.join(each)}"


def _by_pieces(stratum: Stratum) -> list[str]:
    """Of rows whose updates did not fit: the effective batch stays, and dropout's draws do not."""
    found = {}
    for row in stratum.models:
        rows = {run.record.trained.rows_at_once for model in row.models for run in model.runs}
        if held := sorted(count for count in rows if count is not None):
            found[row.label] = held[0]
    return [
        f"{label} went on by {count} rows at a time, its updates as large as before"
        for label, count in found.items()
    ]


def seeds(stratum: Stratum) -> list[int]:
    """Of all its models."""
    return sorted({seed for row in stratum.models for seed in row.seeds})


def summary(record: RunRecord) -> str:
    """A stratum in a line, as typed."""
    return f"{record.corpus.label}, {record.stratum['model']}, {budget(record)}"


def budget(record: RunRecord) -> str:
    """What was spent: `24 T FLOPs`."""
    spent = record.config["budget"]
    names = {"flops": "FLOPs", "tokens": "corpus tokens"}
    return f"{quantity(spent['amount'])} {names.get(spent['unit'], spent['unit'])}"
