"""Planted faults in made records: the page names each, and says what it looked for in vain."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import add_baselines, add_run, answers

from results.comparison import strata
from results.facts import (
    CLASSES_UNSEEN,
    COPIED,
    CUT,
    CUT_FOR_MODELS,
    EXAMPLES_ALSO_TRAINING,
    LEFT_OUT,
    NAMED_MISSING,
    RUN_WORDS,
    RUNS_HELD,
    SENTENCES_ALSO_TRAINING,
    TAGS_UNSEEN,
    TEST_EXAMPLES,
    TEST_SENTENCES,
    WITH_RUN,
)
from results.findings import findings
from results.notes import note_of, read_note
from results.record import Metric, RunRecord, Value
from results.report import write_report
from results.rows import StoredRun
from results.store import ResultStore
from results.training import Ledger

OWN_TABLE = {"probes": {"task": {"path": "mine.csv"}}}


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def page(store: ResultStore, records: list[RunRecord]) -> str:
    found = [(record, store) for record in records]
    return write_report(found, store.folder.parent / "reports", command="x").read_text()


def sanity(text: str) -> list[str]:
    assert "could not be built" not in text
    return text.split("## Sanity\n")[1].split("\n## ")[0].strip().splitlines()


def of_facts(store: ResultStore, *, settings: Any = OWN_TABLE, **facts: Any) -> str:
    known = {"task": {TEST_EXAMPLES: 200, **{name: facts[name] for name in facts}}}
    return page(store, [add_run(store, "clm", answers(0.5), settings=settings, probe_facts=known)])


def test_where_nothing_is_found_a_line_says_what_was_looked_for(store: ResultStore) -> None:
    cosine = (Value("geometry", "mean_cosine", 0.4), Value("probe more", "mrr", 0.4, reads=1))
    facts = {"task": {TEST_EXAMPLES: 200, RUN_WORDS: 8}}
    text = page(
        store,
        [
            add_run(store, name, answers(0.5), note=note, more_values=cosine, probe_facts=facts)
            for name, note in (("clm", "causal"), ("mlm", "pseudo"))
        ],
    )
    (line,) = sanity(text)
    assert line == (
        "Looked for and not found: test text in pretraining text; test examples that are training "
        "examples too; test examples read more than once for a figure; classes that training "
        "lacks; labels that look like missing ones; pairs that tie; vectors that hardly differ "
        "from text to text; models of another budget; texts longer than the model reads."
    )
    assert "**Sanity**" not in text.split("## Sanity")[0]


def test_what_no_record_can_tell_is_not_called_absent(store: ResultStore) -> None:
    lines = sanity(page(store, [add_run(store, "clm", answers(0.5))]))
    (line,) = lines
    found, unknown = line.split(" Not looked for, as no record could tell: ")
    assert found == "Looked for and not found: models of another budget."
    for sought in ("test text in pretraining text", "pairs that tie", "vectors that hardly differ"):
        assert sought in unknown


def test_copied_test_text_is_an_alarm_of_tables_and_a_note_of_the_corpus_itself(
    store: ResultStore,
) -> None:
    facts = {RUN_WORDS: 13, COPIED: 0.08, WITH_RUN: 0.25, RUNS_HELD: 0.021}
    text = of_facts(store, **facts)
    (line,) = [each for each in sanity(text) if each.startswith("- ")]
    assert line == (
        "- **test text in pretraining text**: task: 8.0% of the test examples whole; 25.0% of the "
        "test examples by a run of 13 words (2.1% of all such runs); models and n-grams may know "
        "them by heart"
    )
    verdict = text.split("## Verdict")[1].split("## Sanity")[0]
    assert "- **Sanity** (below) first: test text in pretraining text." in verdict
    assert COPIED not in text.split("## Probes")[1]  # nothing is said twice


def test_runs_that_the_corpus_shares_with_itself_are_a_note(store: ResultStore) -> None:
    facts = {RUN_WORDS: 8, WITH_RUN: 0.11, RUNS_HELD: 0.05, LEFT_OUT: 1720}
    lines = sanity(of_facts(store, settings=None, **facts))
    assert lines[0] == (
        "- test text in pretraining text: task: 11.0% of the test examples by a run of 8 words "
        "(5.0% of all such runs); 1,720 held-out texts that training text has too, left out"
    )
    assert "**" not in "".join(lines)


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            {EXAMPLES_ALSO_TRAINING: 50},
            "- **test examples that are training examples too**: task: 50 (25.0%) of 200 "
            "test examples; knowing them by heart counts as skill",
        ),
        (
            {EXAMPLES_ALSO_TRAINING: 1},
            "- test examples that are training examples too: task: 1 (0.5%) of 200 test "
            "examples; knowing them by heart counts as skill",
        ),
        (
            {TEST_SENTENCES: 1500, SENTENCES_ALSO_TRAINING: 30},
            "- **test examples that are training examples too**: task: 30 (2.0%) of 1,500 "
            "test sentences; knowing them by heart counts as skill",
        ),
        (
            {CLASSES_UNSEEN: 20},
            "- **classes that training lacks**: task: of 20 (10.0%) of 200 test examples; no model "
            "can get them right",
        ),
        (
            {TAGS_UNSEEN: 2},
            "- classes that training lacks: task: 2 tags of test words that training lacks, which "
            "no model can get right",
        ),
        (
            {NAMED_MISSING: 9},
            "- **labels that look like missing ones**: task: 9 examples with a label such as nan, "
            "None or NA, which counts as a class",
        ),
        (
            {CUT: 0.25},
            "- texts longer than the model reads: task 25.0% (texts longer than a row, cut for "
            "models and simple methods alike)",
        ),
        (
            {CUT_FOR_MODELS: 0.25},
            "- **texts longer than the model reads**: task 25.0% (texts longer than a row, of "
            "which models read a part and simple methods all)",
        ),
    ],
)
def test_facts_are_told_by_how_much(store: ResultStore, facts: dict[str, Any], line: str) -> None:
    assert [each for each in sanity(of_facts(store, **facts)) if each.startswith("- ")] == [line]


def test_reading_the_test_twice_is_an_alarm(store: ResultStore) -> None:
    values = tuple(
        Value("probe more", metric, 0.4, reads=reads) for metric, reads in (("mrr", 1), ("hits", 3))
    )
    lines = sanity(page(store, [add_run(store, "clm", answers(0.5), more_values=values)]))
    told = [line for line in lines if "read more than once" in line]
    assert told == [
        "- **test examples read more than once for a figure**: clm, more: hits: 3 times"
    ]


def test_ties_are_counted_and_a_model_of_ties_alone_has_one_half(store: ResultStore) -> None:
    halves = np.full(60, 0.5)
    records = [
        add_run(store, "clm", halves, note=note_of("causal", 60)),
        add_run(store, "mlm", answers(0.6, 60), note=note_of("pseudo", 1)),
        add_run(store, "simcse", answers(0.5, 60), note="no token likelihood"),
        add_baselines(store, words=answers(0.5, 60)),
    ]
    text = page(store, records)
    assert (
        "- **pairs that tie**: task: accuracy, pairs: clm 60 of 60, mlm 1 of 60 (each half a point)"
    ) in sanity(text)
    table = text.split("## Probes")[1]
    assert "| clm | 0.500" in table
    assert "sets unlike quantities side by side" in text  # the likelihood beside the ties is read


@pytest.mark.parametrize(
    ("note", "read"),
    [
        ("causal", ("causal", 0)),
        ("causal, 60 ties", ("causal", 60)),
        ("3 ties", ("", 3)),
        ("layer 1 of 2, centred", ("layer 1 of 2, centred", 0)),
        ("", ("", 0)),
    ],
)
def test_notes_are_read_as_they_are_written(note: str, read: tuple[str, int]) -> None:
    assert read_note(note) == read
    assert note_of(*read) == note


def test_collapsed_vectors_are_an_alarm_of_models_and_a_note_of_their_start(
    store: ResultStore,
) -> None:
    def run(name: str, cosine: float, kind: str = "run") -> RunRecord:
        values = (Value("geometry", "mean_cosine", cosine),)
        metrics = {"geometry": (Metric("mean_cosine", "mean cosine", better="lower"),)}
        return add_run(store, name, answers(0.5), kind=kind, more_values=values, metrics=metrics)

    records = [run("clm", 0.6), run("mlm", 0.99999), run("untrained", 0.995, "untrained")]
    alarm, note = (line for line in sanity(page(store, records)) if "mean cosine" in line)
    assert alarm == (
        "- **vectors that hardly differ from text to text**: mlm (mean cosine 1.0000, last layer): "
        "what is read there rests on what little is left"
    )
    assert note.startswith("- vectors that hardly differ from text to text: untrained (mean")


@pytest.mark.parametrize(
    ("read", "lower", "said", "alarming"),
    [
        ("layer 0 of 2, mean", 0.3, "last layer): no frozen figure was read there", False),
        ("layer 2 of 2, mean", 0.3, "last layer): 1 of 1 frozen figures were read there", True),
        ("layer 0 of 2", 0.995, "last layer, and 0.9950, layer 0): 1 of 1 frozen figures", True),
        ("causal", 0.3, "last layer): what is read there rests on what little is left", False),
    ],
)
def test_collapse_is_an_alarm_of_the_layer_that_is_read(
    store: ResultStore, read: str, lower: float, said: str, alarming: bool
) -> None:
    values = (
        Value("geometry", "mean_cosine", 0.9999),
        Value("geometry", "mean_cosine_layer_0", lower),
    )
    record = add_run(store, "clm", answers(0.6), note=read, more_values=values)
    (line,) = (line for line in sanity(page(store, [record])) if "mean cosine" in line)
    assert f"clm (mean cosine 0.9999, {said}" in line
    assert line.startswith("- **") == alarming


def test_who_spent_twice_the_budget_is_told_and_not_ranked(store: ResultStore) -> None:
    def ledger(flops: float) -> dict[str, Any]:
        return {"ledger": Ledger(10, 80, 5000, 6000, 5000, 80, int(flops), 3.0)}

    records = [
        add_run(store, "clm", answers(0.9), seed=seed, training=ledger(2e12 if seed else 1e12))
        for seed in (0, 1)
    ]
    records += [add_run(store, "mlm", answers(0.4), seed=seed) for seed in (0, 1)]
    records += [
        add_run(store, "simcse", answers(0.6), seed=seed, training=ledger(1.08e12))
        for seed in (0, 1)
    ]
    text = page(store, records)
    assert sanity(text)[0] == (
        "- **models of another budget**: clm spent 2.00 times the budget, so that it is not ranked"
    )
    verdict = text.split("## Verdict")[1].split("## Sanity")[0]
    assert "not ranked, having spent so many times the budget: clm 2.00." in verdict
    assert "**clm**" not in verdict
    assert "clm above" not in verdict
    assert "**simcse** is" in verdict or "**simcse** wins" in verdict
    assert "| clm (other budget) |" in text
    assert "**not the same budget (clm)**" in text
    (stratum,) = strata([StoredRun(record, store) for record in records])
    (finding,) = findings(stratum)
    assert [row.label for row in finding.ranking] == ["simcse", "mlm"]


def test_where_only_one_spent_the_budget_nothing_is_ranked(store: ResultStore) -> None:
    twice = {"ledger": Ledger(10, 80, 5000, 6000, 5000, 80, 2 * 10**12, 3.0)}
    records = [
        add_run(store, "clm", answers(0.9), training=twice),
        add_run(store, "mlm", answers(0.4)),
    ]
    text = page(store, records)
    assert "othing is ranked, since clm spent another budget" in text
    assert "clm minus mlm" not in text
