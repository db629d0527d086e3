"""Records made by hand, so that what a report says of them is known beforehand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results.corpus import CorpusCard, SplitCounts
from results.integrity import write_manifest
from results.record import Metric, RunRecord, Value
from results.store import ResultStore
from results.text import file_name
from results.training import Ledger, TrainingFacts

CORPUS = CorpusCard(
    label="made",
    fingerprint="f" * 64,
    tokenizer="t" * 64,
    documents=SplitCounts(10, 1, 0, {"train": 7, "validation": 1, "test": 1}),
    rows={"train": 100, "validation": 10, "test": 10},
    tokens={"train": 1000, "validation": 100, "test": 100},
    num_bytes={"train": 4000, "validation": 400, "test": 400},
    pairs=0,
    triplets=0,
    images=0,
    image_size=0,
    unigram_nats={"train": 6.0, "validation": 6.02, "test": 5.99},
    vocabulary_size=512,
    sequence_length=64,
    unknown_share=0.0,
    notes=[],
    kind="Made",
)
METRICS = {"probe task": (Metric("accuracy", "accuracy, pairs"),)}
NATS = Metric("nats", better="lower", estimator="ratio")


def _losses(values: list[Value]) -> dict[str, tuple[Metric, ...]]:
    return {value.measure: (NATS,) for value in values if value.measure.startswith("loss ")}


COLUMNS = {
    "clm": {"family": "LM", "unit": "token", "attention": "causal", "additive": True},
    "simcse": {"family": "CL", "unit": "row", "attention": "bidirectional", "additive": False},
}


def config(objective: str, seed: int, **changes: Any) -> dict[str, Any]:
    return {
        "seed": seed,
        "model": {"dropout": 0.1},
        "objective": {"name": objective, "learning_rate": 1e-3, "rows_per_update": 8, **changes},
        "dataset": {"tokenizer": "bpe"},
        "budget": {"unit": "flops", "amount": 1e12},
        "trainer": {
            "beta1": 0.9,
            "second_moment_tokens": 1e6,
            "weight_decay": 0.01,
            "clip_norm": 1.0,
            "warmup": 0.1,
            "decay": "cosine",
        },
        "measures": {
            "candidates": 64,
            "primary": ["task accuracy"],
            "adaptation_steps": 5,
            "pooling": "mean",
        },
    }


def add_run(
    store: ResultStore,
    objective: str,
    scores: np.ndarray,
    *,
    seed: int = 0,
    kind: str = "run",
    nats: dict[str, float] | None = None,
    budget: str = "1e+12 flops",
    data: str = "f",
    status: str = "finished",
    error: str = "ValueError: it broke",
    rows_hash: str = "same",
    more_values: tuple[Value, ...] = (),
    columns: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    source: str = "s",
    note: str = "",
    created: str = "2026-01-01T00:00:00+00:00",
    training: dict[str, Any] | None = None,
    metrics: dict[str, tuple[Metric, ...]] | None = None,
    exhibits: dict[str, list[dict[str, Any]]] | None = None,
    probe_facts: dict[str, dict[str, Any]] | None = None,
    probe_data: dict[str, str] | None = None,
    corpus: CorpusCard = CORPUS,
    **changes: Any,
) -> RunRecord:
    """A record with a probe `task`, whose per-example scores are given, and some losses.

    `settings` changes parts of its configuration (`{"trainer": {"weight_decay": 0}}`), `changes`
    those of its objective.
    """
    stratum = {"model": "tiny", "data": data, "tokenizer": "t", "measures": "m"}
    if kind == "run":
        stratum["budget"] = budget
    values = [Value("probe task", "accuracy", float(scores.mean()), note)]
    values += [
        Value(f"loss {name}", "nats", value, "native" if name == objective else "foreign")
        for name, value in (nats or {}).items()
    ]
    own = config(objective, seed, **changes)
    for part, values_of in (settings or {}).items():
        if isinstance(values_of, dict):
            own[part] = {**own.get(part, {}), **values_of}
        else:
            own[part] = values_of
    told = "".join(f"-{key}{value}" for key, value in changes.items())
    told += f"-{hash(repr((settings, source, sorted(columns or {})))) % 10**6}"
    record = RunRecord(
        name=f"{file_name(objective)}-s{seed}-{budget.split('+')[0]}{data}{told}",
        kind=kind,  # type: ignore[arg-type]
        status=status,  # type: ignore[arg-type]
        objective=objective,
        seed=seed,
        stratum=stratum,
        config=own,
        corpus=corpus,
        columns=COLUMNS if columns is None else columns,
        metrics={**METRICS, **_losses(values), **(metrics or {})},
        traits={"attention": "causal"},
        training=TrainingFacts(
            **{
                "ledger": Ledger(10, 80, 5000, 6000, 5000, 80, 10**12, 3.0),
                "parameters": 1000,
                "backbone_parameters": 900,
                "head_parameters": {"lm": 100},
                "phases": [{"learning_rate": 1e-3, "rows_per_update": 8}],
                "optimizer": "AdamW (0.9, squared gradients over 1 M tokens), weight decay 0.01",
                "init_hash": "i",
                "rows_hash": rows_hash,
                "rows_hash_at": {"1": rows_hash, "64": rows_hash},
                "folder": f"{file_name(objective)}-{seed}-{budget}-{data}-{told}",
                **(training or {}),
            }
        ),
        probe_facts=probe_facts or {},
        probe_data=probe_data or {},
        values=(*values, *more_values),
        environment={"hardware": "cpu", "python": "3", "source": source},
        error=error if status == "failed" else "",
        created=created,
    )
    curve = [
        {"step": i, "flops": i * 1e11, "progress": i / 10, "loss": 9 - i / 2, "held_out": 9 - i / 2}
        for i in range(1, 11)
    ]
    return store.add(record, curve=curve, examples=examples(scores), exhibits=exhibits)


def without_figure(record: RunRecord, reason: str) -> RunRecord:
    """The same record, whose probe could not be measured."""
    lacking = Value("probe task", "accuracy", None, reason)
    return replace(record, values=(lacking, *record.values[1:]))


def rewrite(file: Path, text: str) -> None:
    """Give a record's file another content, as if it had been written so."""
    file.write_text(text)
    write_manifest(file.parent)


def add_baselines(store: ResultStore, *, source: str = "s", **scores: np.ndarray) -> RunRecord:
    """Simple methods by name, on the same probe; and the losses of guessing."""
    values = [Value("probe task", "accuracy", float(s.mean()), "", n) for n, s in scores.items()]
    values += [
        Value("loss clm", "nats", 6.2, row="uniform"),
        Value("loss clm", "nats", 5.9, row="unigram"),
        Value("loss mlm", "nats", 6.0, row="unigram"),
        Value("loss simcse", "nats", 4.16, row="uniform"),
    ]
    record = RunRecord(
        name="baselines-1",
        kind="baselines",
        status="finished",
        objective="",
        seed=0,
        stratum={"data": "f", "tokenizer": "t", "measures": "m"},
        config=config("", 0),
        corpus=CORPUS,
        columns=COLUMNS,
        metrics={**METRICS, **_losses(values)},
        values=tuple(values),
        environment={"source": source},
    )
    rows = pd.concat([examples(s).assign(row=n) for n, s in scores.items()])
    return store.add(record, curve=[], examples=rows)


def examples(scores: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "measure": "probe task",
            "metric": "accuracy",
            "row": "",
            "example": np.arange(len(scores)),
            "group": [str(i) for i in range(len(scores))],
            "value": scores,
        }
    )


def answers(share: float, count: int = 400) -> np.ndarray:
    """So many right answers, the first ones: models that share them are strongly paired."""
    return (np.arange(count) < share * count).astype(float)
