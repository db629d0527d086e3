import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_records import add_baselines, add_run, answers, without_figure

from results import report
from results.comparison import Stratum, strata
from results.record import DIVERGED, Metric, RunRecord, Value
from results.report import write_report
from results.rows import StoredRun
from results.sections import probes
from results.sections.losses import loss_tables
from results.store import ResultStore
from results.writers.markdown import DASH

POSITIONS = {"embedding_parameters": 400, "position_parameters": 100}


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def compared(store: ResultStore, records: list[RunRecord]) -> list[Stratum]:
    return strata([StoredRun(record, store) for record in records])


def page(store: ResultStore, records: list[RunRecord], folder: Path) -> str:
    found = [(record, store) for record in records]
    return write_report(found, folder / "reports", command="compare run x").read_text()


def one_of_each(store: ResultStore) -> list[RunRecord]:
    nats = {"clm": 5.0, "simcse": 0.02}
    return [
        add_run(store, "clm", answers(0.6), nats=nats),
        add_run(store, "simcse", answers(0.4), nats={"clm": 8.0, "simcse": 0.01}),
        add_run(
            store, "untrained", answers(0.45), kind="untrained", nats={"clm": 6.3, "simcse": 0.4}
        ),
        add_baselines(store, chance=answers(0.1), words=answers(0.5)),
    ]


def test_runs_that_differ_in_budget_or_data_are_not_ranked_together(
    store: ResultStore, tmp_path: Path
) -> None:
    records = [
        add_run(store, "clm", answers(0.6)),
        add_run(store, "mlm", answers(0.4)),
        add_run(store, "clm", answers(0.9), budget="2e+12 flops"),
        add_run(store, "mlm", answers(0.9), data="other"),
    ]
    groups = compared(store, records)
    assert sorted(len(group.models) for group in groups) == [1, 1, 2]
    text = page(store, records, tmp_path)
    assert text.count("nothing is ranked") == 2
    assert "Comparison 3 of 3" in text


def test_models_below_their_floors_are_marked(store: ResultStore, tmp_path: Path) -> None:
    text = page(store, one_of_each(store), tmp_path)
    probes = text.split("## Probes")[1].split("What training gave")[0]
    (simcse,) = re.findall(r"^\| simcse \|.*$", probes, re.MULTILINE)
    assert simcse.endswith("††‡‡ |")
    (clm,) = re.findall(r"^\| clm \|.*$", probes, re.MULTILINE)
    assert "†" not in clm
    assert "‡" not in clm


def test_what_training_gave_is_shown_against_the_untrained(
    store: ResultStore, tmp_path: Path
) -> None:
    gains = page(store, one_of_each(store), tmp_path).split("What training gave")[1]
    (clm,) = re.findall(r"^\| clm \|.*$", gains.split("Every two")[0], re.MULTILINE)
    assert "**+0.150 " in clm


def test_a_loss_solved_at_initialisation_is_said_and_not_ranked(
    store: ResultStore, tmp_path: Path
) -> None:
    text = page(store, one_of_each(store), tmp_path)
    assert "CL: simcse, nats a row ⚠" in text
    assert "solved at initialisation" in text
    (stratum,) = compared(store, one_of_each(store))
    (table,) = loss_tables(stratum)
    assert [table.header[column] for column in table.shaded] == ["LM: clm, nats a token"]


def test_no_interval_says_that_a_loss_could_be_below_0(store: ResultStore, tmp_path: Path) -> None:
    records = [
        add_run(store, name, answers(0.5), seed=seed, nats={"clm": nats, "simcse": nats / 10})
        for name in ("clm", "mlm")
        for seed, nats in enumerate((0.1, 3.0, 0.2))
    ]
    (stratum,) = compared(store, records)
    found = stratum.estimate(stratum.models[0], "loss clm", "nats")
    assert found is not None
    assert found.low == 0
    assert found.high is not None
    assert found.high > 3
    losses = page(store, records, tmp_path).split("## Losses")[1]
    assert "<sub>0.000 to" in losses
    assert "cut off at 0" in losses


def test_notes_speak_of_what_the_tables_have_and_of_nothing_else(
    store: ResultStore, tmp_path: Path
) -> None:
    plain = [add_run(store, "clm", answers(0.6), nats={"clm": 5.0})]
    text = page(store, plain, tmp_path)
    absent = ("†", "n/a", "No head", "adapted", "natural pairs", "different columns", "Sentences")
    for word in (*absent, "cut off", "image tower"):
        assert word not in text.partition("## Was it fair")[0], word
    told = page(store, one_of_each(store), tmp_path)
    assert "†† worse than it; ‡ not told apart from the best simple method" in told
    assert "Losses of different columns" in told
    pairs = add_run(store, "mlm", answers(0.5), nats={"clm": 5.0}, note="pseudo", data="x")
    text = page(store, [pairs], tmp_path)
    assert "Sentences are scored by total log-probability, by pseudo-log-likelihood for" in text
    assert "Texts become vectors" not in text


def test_the_tables_mark_who_is_on_the_plateau(store: ResultStore, tmp_path: Path) -> None:
    records = [
        add_run(store, "clm", answers(0.6), nats={"clm": 5.0}),
        add_run(store, "mlm", answers(0.5), nats={"mlm": 5.9}),
        add_baselines(store, words=answers(0.5)),
    ]
    text = page(store, records, tmp_path)
    probes = text.split("## Probes")[1].split("## Losses")[0]
    assert "\n| mlm (plateau) |" in probes
    assert "\n| clm |" in probes
    assert "the model is not 5 % better than word frequencies" in probes
    assert "minus mlm" not in probes
    assert "plateau): under its own" not in page(store, one_of_each(store), tmp_path)


def test_failed_runs_are_named_with_their_reason(store: ResultStore, tmp_path: Path) -> None:
    records = [*one_of_each(store), add_run(store, "mlm", answers(0.5), status="failed")]
    text = page(store, records, tmp_path)
    assert "it broke" in text
    assert "Failed runs" in text
    only = page(store, [records[-1]], tmp_path)
    assert "No run finished" in only


def test_runs_that_diverged_are_told_from_those_that_broke_and_ranked_with_none(
    store: ResultStore, tmp_path: Path
) -> None:
    error = f"{DIVERGED} 12: the loss of rtd is nan"
    diverged = add_run(store, "rtd", answers(0.9), status="failed", error=error)
    assert diverged.is_diverged
    text = page(store, [*one_of_each(store), diverged], tmp_path)
    section = text.split("## Diverged runs")[1].split("\n## ")[0]
    assert f"`{diverged.name}`: {error}" in section
    assert "are not ranked" in section
    assert "| rtd" not in text
    broken = add_run(store, "mlm", answers(0.5), status="failed")
    both = page(store, [*one_of_each(store), diverged, broken], tmp_path)
    section = both.split("## Diverged and failed runs")[1].split("\n## ")[0]
    assert section.index("diverged at step 12") < section.index("it broke")


def test_a_section_that_fails_takes_no_other_with_it(
    store: ResultStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report.cost, "spent", lambda row: {}["steps"])
    text = page(store, one_of_each(store), tmp_path)
    cost = text.split("## Cost")[1].split("\n## ")[0]
    assert cost.strip() == "This section (cost) could not be built: KeyError: 'steps'."
    for heading in ("## Verdict", "## Probes", "## Losses", "## Caveats"):
        assert heading in text
    assert "**clm** is ahead" in text


def test_unequal_streams_are_said(store: ResultStore, tmp_path: Path) -> None:
    records = [
        add_run(store, "a", answers(0.5)),
        add_run(store, "b", answers(0.5), rows_hash="another"),
    ]
    assert "**not the same text**" in page(store, records, tmp_path)


def test_who_went_on_by_smaller_pieces_is_said(store: ResultStore, tmp_path: Path) -> None:
    records = [
        add_run(store, "clm", answers(0.6), training={"rows_at_once": 4}),
        add_run(store, "mlm", answers(0.4)),
    ]
    text = page(store, records, tmp_path)
    assert "memory was short: clm went on by 4 rows at a time" in text
    assert text.count("memory was short") == 1


def test_every_figure_stands_in_the_csv(store: ResultStore, tmp_path: Path) -> None:
    records = one_of_each(store)
    report = write_report(
        [(record, store) for record in records], tmp_path / "reports", command="x"
    )
    frame = pd.read_csv(report.parent / "results.csv")
    assert len(frame) == sum(len(record.values) for record in records)
    values = {f"{v:.3f}" for v in frame["value"]}
    losses = report.read_text().split("## Losses")[1].split("Lower is better")[0]
    shown = re.findall(r"\*{0,2}(\d\.\d{3})", losses)
    assert shown
    assert set(shown) <= values


def test_the_same_records_give_the_same_report_but_for_a_marked_line(
    store: ResultStore, tmp_path: Path
) -> None:
    records = one_of_each(store)
    found = []
    for _ in range(2):
        report = write_report([(r, store) for r in records], tmp_path / "reports", command="x")
        found.append({f.name: f.read_text() for f in sorted(report.parent.iterdir())})
    assert set(found[0]) == {
        "report.md",
        "report.html",
        "results.csv",
        "results.json",
        "curves.svg",
        "probes.svg",
    }
    for name, first in found[0].items():
        lines = zip(first.splitlines(), found[1][name].splitlines(), strict=True)
        different = [a for a, b in lines if a != b]
        assert all(line.startswith("Built ") for line in different)


def test_figures_are_well_formed(store: ResultStore, tmp_path: Path) -> None:
    records = one_of_each(store)
    report = write_report([(r, store) for r in records], tmp_path / "reports", command="x")
    for name in ("curves.svg", "probes.svg"):
        root = ElementTree.parse(report.parent / name).getroot()
        assert root.tag.endswith("svg")
    assert "clm" in (report.parent / "curves.svg").read_text()


def test_hostile_values_stay_text(store: ResultStore, tmp_path: Path) -> None:
    more = (Value("loss <img src=x>|", "nats", None, "no | head"),)
    records = [add_run(store, "clm", answers(0.5), more_values=more)]
    text = page(store, records, tmp_path)
    assert "<img" not in text


def test_reports_need_neither_torch_nor_hydra() -> None:
    code = (
        "import sys, results.report;"
        "print([m for m in ('torch', 'hydra', 'transformers', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_parts_of_a_sum_and_a_family_of_ones_own_are_shown(
    store: ResultStore, tmp_path: Path
) -> None:
    columns = {
        "rtd": {
            "family": "DAE",
            "unit": "token",
            "quantity": "nats, generator + 50 x discriminator",
            "attention": "bidirectional",
            "measured_attention": "prefix",
        },
        "mine": {"family": "SD", "unit": "feature", "quantity": "squares", "attention": "causal"},
    }
    more = (
        Value("loss rtd", "term rtd generator", 6.9),
        Value("loss rtd", "term rtd", 0.69),
    )
    nats = {"rtd": 41.7, "mine": 0.3}
    record = add_run(store, "rtd", answers(0.5), nats=nats, columns=columns, more_values=more)
    text = page(store, [record], tmp_path)
    assert "DAE: rtd, nats, generator + 50 x discriminator a token" in text
    assert "SD: mine, squares a feature" in text
    assert "| model | rtd generator | rtd |" in text
    assert "rtd prefix" in text


def test_the_learning_rate_of_the_cost_table_is_the_one_used(
    store: ResultStore, tmp_path: Path
) -> None:
    scale = {"trainer": {"learning_rate_scale": 0.05}}
    text = page(store, [add_run(store, "clm", answers(0.5), settings=scale)], tmp_path)
    (row,) = re.findall(r"^\| clm \|.*$", text.split("## What it cost")[1], re.MULTILINE)
    assert "| 5e-05 |" in row


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({"embedding_parameters": 900}, DASH),
        ({"embedding_parameters": 400}, "10"),
        (POSITIONS, "12.5"),
    ],
)
def test_the_cost_table_has_the_tokens_a_parameter(
    store: ResultStore, tmp_path: Path, known: dict[str, int], shown: str
) -> None:
    """5000 tokens on 900 parameters less embeddings, as far as the record knows those."""
    record = add_run(store, "clm", answers(0.5), training=known)
    cost = page(store, [record], tmp_path).split("## What it cost")[1]
    header, _, row = cost.strip().splitlines()[:3]
    cells = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert cells["tokens a parameter"] == shown


BETTER = {
    **POSITIONS,
    "matrix_weights": 301,
    "better_model": {"name": "modern_tiny", "weights": 100},
}


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (BETTER, True),
        ({**BETTER, "matrix_weights": 300}, False),
        ({**BETTER, "better_model": None}, False),
        ({}, False),
    ],
)
def test_a_model_that_is_much_too_large_is_called_undertrained(
    store: ResultStore, tmp_path: Path, training: dict[str, Any], said: bool
) -> None:
    text = page(store, [add_run(store, "clm", answers(0.5), training=training)], tmp_path)
    line = (
        "- undertrained: this model has 12.5 tokens a parameter outside its embeddings; "
        "`model=auto` takes modern_tiny at this budget\n"
    )
    assert text.count(line) == said
    assert text.count("undertrained") == said


def test_which_way_is_better_is_said_and_marked(store: ResultStore, tmp_path: Path) -> None:
    metrics = {"probe task": (Metric("accuracy", "error", better="lower"),)}
    start = add_run(store, "untrained", answers(0.45), kind="untrained", metrics=metrics)
    records = [
        add_run(store, "clm", answers(0.6), metrics=metrics),
        add_run(store, "simcse", answers(0.3), metrics=metrics),
        start,
    ]
    text = page(store, records, tmp_path)
    assert "\n| model | task: error (lower is better) |" in text
    (drawn,) = tmp_path.glob("reports/*/probes.svg")
    assert "error (lower is better)" in drawn.read_text()
    assert "\nLower is better; smaller figures" in text.split("## Probes")[1].split("\n## ")[0]
    assert re.search(r"^\| clm \| 0.600 .*†† \|$", text, re.MULTILINE)
    assert re.search(r"^\| simcse \| 0.300 [^†]*\|$", text, re.MULTILINE)
    other = (Value("probe other", "accuracy", 0.5),)
    both = add_run(store, "mlm", answers(0.6), metrics=metrics, more_values=other)
    text = page(store, [both, start], tmp_path)
    assert "Higher is better where the heading does not say otherwise; smaller figures" in text


def test_seeds_without_the_figure_are_named_with_the_reason(
    store: ResultStore, tmp_path: Path
) -> None:
    records = [
        add_run(store, name, answers(share + seed / 200), seed=seed)
        for name, share in (("clm", 0.6), ("mlm", 0.5))
        for seed in range(3)
    ]
    assert "seeds)" not in page(store, records, tmp_path / "all")
    records[0] = without_figure(records[0], "fine-tuning diverged")
    probes = page(store, records, tmp_path).split("## Probes")[1].split("\n## ")[0]
    assert re.search(r"^\| clm \| 0.607 .*\(2 of 3 seeds\) \|$", probes, re.MULTILINE)
    assert re.search(r"^\| mlm \| 0.505 [^(]*\|$", probes, re.MULTILINE)
    assert "- clm, task: accuracy, pairs: none at seed 0 (fine-tuning diverged)\n" in probes
    records[1] = without_figure(records[1], "fine-tuning diverged")
    probes = page(store, records, tmp_path / "one").split("## Probes")[1].split("\n## ")[0]
    assert "none at seeds 0 and 1 (fine-tuning diverged)" in probes
    assert "alone of simple methods and of rows with a single seed (clm))" in probes
    records[2] = without_figure(records[2], "fine-tuning diverged")
    probes = page(store, records, tmp_path / "none").split("## Probes")[1].split("\n## ")[0]
    assert "- clm, task: accuracy, pairs: fine-tuning diverged\n" in probes
    assert "| clm | n/a |" in probes


def test_seeds_without_a_loss_or_a_start_are_counted(store: ResultStore, tmp_path: Path) -> None:
    records = [
        add_run(store, "clm", answers(0.6), seed=seed, nats={"clm": 5.0} if seed else {})
        for seed in range(3)
    ]
    records.append(add_run(store, "untrained", answers(0.3), seed=1, kind="untrained"))
    text = page(store, records, tmp_path)
    losses = text.split("## Losses")[1].split("\n## ")[0]
    assert re.search(r"^\| clm \| \*\*5.000 .*\(2 of 3 seeds\)", losses, re.MULTILINE)
    assert "clm, clm: none at seed 0 (it was not measured)." in losses
    gains = text.split("What training gave")[1].split("Every two models")[0]
    assert re.search(r"^\| clm \| .*\(1 of 3 seeds\)", gains, re.MULTILINE)


def test_last_words_are_said_to_be_scored_as_they_are(store: ResultStore, tmp_path: Path) -> None:
    settings = {"probes": {"task": {"kind": "last_word"}}}
    record = add_run(store, "mlm", answers(0.5), note="pseudo", settings=settings)
    text = page(store, [record], tmp_path)
    assert (
        "Last words are scored by the log-probability of all their tokens, for masked models with "
        "all of them masked at once."
    ) in text
    assert "Sentences are scored" not in text
    assert (
        "pairs that tie"
        not in text.split("Looked for and not found")[1].split(".\n")[0].split("Not looked for")[0]
    )


def test_what_the_files_beside_the_page_lack_is_said(store: ResultStore, tmp_path: Path) -> None:
    text = page(store, one_of_each(store), tmp_path).split("## Where the figures come from")[1]
    assert "Every figure" not in text
    assert "What was measured of every run stands in `results.csv`" in text
    assert "means over seeds, intervals, contrasts, CKA and tokens a parameter" in text


def test_where_some_figures_are_of_one_seed_their_cells_say_so(
    store: ResultStore, tmp_path: Path
) -> None:
    """Two figures were measured at the second seed alone, and share a line."""
    more = (Value("probe a", "x", 0.5), Value("probe b", "x", 0.5))
    records = [
        add_run(store, "clm", answers(0.6 + seed / 200), seed=seed, more_values=more * (seed == 1))
        for seed in range(2)
    ]
    probes = page(store, records, tmp_path).split("## Probes")[1].split("\n## ")[0]
    assert probes.count("0.500 (1 of 2 seeds)") == 2
    assert (
        "over test examples alone of simple methods and where a cell says that it is of 1 seed)"
    ) in probes
    assert "- clm, a: x; b: x: none at seed 0 (it was not measured)\n" in probes


def test_probes_that_were_all_left_out_are_named(store: ResultStore) -> None:
    record = add_run(store, "clm", answers(0.6), nats={"clm": 5.0})
    losses = tuple(value for value in record.values if value.measure == "loss clm")
    left_out = replace(record, values=losses, skipped_probes={"library": "it has no labels"})
    (only,) = strata([StoredRun(left_out, store)])
    found = probes.section(only)
    assert found is not None
    assert [block.text for block in found.blocks] == ["Left out: library, since it has no labels."]  # type: ignore[union-attr]
