import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from latex_reader import read, rows
from made_records import CORPUS, add_baselines, add_run, answers

from results.diff_page import write_diff
from results.store import ResultStore

NOTHING = ["\N{EN DASH}"] * 2
KNOWN = {"probe_data": {"task": "a" * 64}}


def study(folder: Path, share: float = 0.5, more: float = 0.5, **changes: Any) -> ResultStore:
    store = ResultStore(folder)
    add_run(store, "clm", answers(share), nats={"clm": 5.0}, **{**KNOWN, **changes})
    add_run(store, "mlm", answers(more), nats={"mlm": 5.0}, **{**KNOWN, **changes})
    add_baselines(store, words=answers(0.3), source=changes.get("source", "s"))
    return store


def written(first: ResultStore, second: ResultStore, **more: Any) -> Path:
    sides = [
        (name, [(record, store) for record in store.records()[0]])
        for name, store in (("one", first), ("other", second))
    ]
    return write_diff(*sides, first.folder.parent / "reports", command="compare report", **more)


def table_of(text: str, title: str) -> str:
    return text.split(f"\n{title}:\n\n")[1].split("\n\n")[0]


def line(text: str, beginning: str) -> list[str]:
    (found,) = re.findall(rf"^\| {re.escape(beginning)} \|.*$", text, re.MULTILINE)
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_a_page_says_what_changed(tmp_path: Path) -> None:
    first = study(tmp_path / "a")
    second = study(tmp_path / "b", 0.6, 0.4, source="later")
    page = written(first, second)
    assert page.name == "diff.md"
    assert page.parent.parent == tmp_path / "a" / "reports"
    text = page.read_text()
    assert "# What changed from one (A) to other (B)" in text
    assert line(text, "source code") == ["source code", "s", "later"]
    clm, mlm = table_of(text, "clm"), table_of(text, "mlm")
    cells = line(clm, "task: accuracy, pairs")
    assert cells[1].startswith("0.500 <sub>")
    assert cells[2].startswith("0.600 <sub>")
    assert cells[3].startswith("**+0.100 <sub>+0.07")
    assert cells[3].endswith("(B better)**")
    assert cells[4:] == ["< 0.001", "< 0.001", "examples", "0"]
    assert "(B worse)**" in line(mlm, "task: accuracy, pairs")[3]
    # No examples were kept of the losses.
    loss = line(clm, "LM: clm, nats a token")
    assert loss[3:6] == ["+0.000 (no interval)", *NOTHING]
    assert loss[6] == "one seed, and of this figure no test examples are kept"
    assert "another seed may turn what it says" in text
    kept = "; 1 of the differences remain with all figures in view (Holm)"
    assert f"- clm: 1 better in B, 1 without an interval{kept}" in text
    assert f"- mlm: 1 worse in B, 1 without an interval{kept}" in text
    # words on the probe; uniform and unigram under clm, unigram under mlm
    assert "4 of 4 figures of simple methods on the same data are equal, as they must be" in text


def test_a_lower_loss_is_better(tmp_path: Path) -> None:
    stores = []
    for name, nats in (("a", (5.0, 5.02)), ("b", (4.0, 4.03))):
        store = ResultStore(tmp_path / name)
        for seed, value in enumerate(nats):
            add_run(store, "clm", answers(0.5), seed=seed, nats={"clm": value})
        stores.append(store)
    cells = line(written(*stores).read_text(), "LM: clm, nats a token")
    assert cells[3].startswith("**-0.995 <sub>")
    assert cells[3].endswith("(B better)**")
    assert cells[6:] == ["seeds", "0, 1"]


def test_what_cannot_be_compared_says_so_instead_of_a_difference(tmp_path: Path) -> None:
    tokens = replace(CORPUS, fingerprint="g" * 64, tokenizer="u" * 64)
    text = written(
        study(tmp_path / "a"),
        study(tmp_path / "b", 0.6, corpus=tokens, probe_data={"task": "b" * 64}),
    ).read_text()
    for name, why in (
        ("task: accuracy, pairs", "other data of the probe"),
        ("LM: clm, nats a token", "another tokenizer, whose tokens hold another amount of text"),
    ):
        cells = line(table_of(text, "clm"), name)
        assert cells[3:] == ["not comparable", *NOTHING, why, NOTHING[0]]
    assert "- clm: 2 not comparable" in text


def test_what_only_one_has_is_named(tmp_path: Path) -> None:
    first, second = study(tmp_path / "a"), ResultStore(tmp_path / "b")
    add_run(second, "clm", answers(0.5), nats={"simcse": 1.0}, **KNOWN)
    add_run(second, "rtd", answers(0.5), status="failed")
    text = written(first, second).read_text()
    only = text.split("## What only one of them has")[1]
    assert "- only in A: mlm" in only
    assert "- clm, only in A: LM: clm, nats a token" in only
    assert "- clm, only in B: CL: simcse, nats a row" in only
    assert re.search(r"- failed in B: rtd-\S+: ValueError: it broke", only)


def test_seeds_that_are_not_shared_leave_a_difference_without_an_interval(tmp_path: Path) -> None:
    text = written(study(tmp_path / "a"), study(tmp_path / "b", 0.6, seed=1)).read_text()
    cells = line(table_of(text, "clm"), "task: accuracy, pairs")
    assert cells[3:] == ["+0.100 (no interval)", *NOTHING, "no seed in common", NOTHING[0]]


def test_differences_are_adjusted_over_all_of_them(tmp_path: Path) -> None:
    """Of two equal differences p is twice as high with both in view."""
    first, second = study(tmp_path / "a"), study(tmp_path / "b", 0.51, 0.51)
    found = written(first, second).read_text()
    for name in ("clm", "mlm"):
        cells = line(
            found.split(f"\n{name}:\n")[1].split("\n## ")[0].split("\nmlm:\n")[0],
            "task: accuracy, pairs",
        )
        assert float(cells[5]) == pytest.approx(2 * float(cells[4]), abs=0.002)


def test_nothing_in_common(tmp_path: Path) -> None:
    first, second = ResultStore(tmp_path / "a"), ResultStore(tmp_path / "b")
    add_run(first, "clm", answers(0.5))
    add_run(second, "mlm", answers(0.5))
    with pytest.raises(ValueError, match=r"no objective in common \(clm; mlm\)"):
        written(first, second)


def test_groups_of_one_alone_are_named(tmp_path: Path) -> None:
    first, second = study(tmp_path / "a"), study(tmp_path / "b")
    add_run(second, "clm", answers(0.5), budget="2 steps")
    text = written(first, second).read_text()
    assert re.search(r"- only in B: made, tiny, .*: clm\n", text)


def test_a_study_beside_itself(tmp_path: Path) -> None:
    store = study(tmp_path / "a")
    text = written(store, store).read_text()
    assert "None: both were made by the same settings, data and code." in text
    assert "clm: the same runs in both" in text
    assert text.count("| the same runs |") == 4


def test_simple_methods_that_changed_are_an_alarm(tmp_path: Path) -> None:
    first, second = study(tmp_path / "a"), ResultStore(tmp_path / "b")
    add_run(second, "clm", answers(0.5), **KNOWN)
    add_baselines(second, words=answers(0.4))
    assert "**Measured unlike**: only 3 of 4 figures" in written(first, second).read_text()


def test_the_same_studies_give_the_same_page_but_for_its_last_line(tmp_path: Path) -> None:
    first, second = study(tmp_path / "a"), study(tmp_path / "b", 0.6)
    pages = [written(first, second).read_text().splitlines() for _ in range(2)]
    assert pages[0][:-1] == pages[1][:-1]
    assert pages[0][-1].startswith("Built ")
    folders = list((tmp_path / "a" / "reports").iterdir())
    assert [[file.name for file in folder.iterdir()] for folder in folders] == [["diff.md"]]


def test_a_difference_as_latex(tmp_path: Path) -> None:
    folder = written(study(tmp_path / "a"), study(tmp_path / "b", 0.6), formats=["latex"])
    assert not (folder / "diff.md").exists()
    header, *found = rows(folder / "tables" / "figure-by-figure.tex")
    assert read(header[3]) == "B minus A"
    assert read(found[0][0]) == "task: accuracy, pairs"


def test_a_study_without_runs_is_refused(tmp_path: Path) -> None:
    empty = ResultStore(tmp_path / "b")
    add_baselines(empty, words=answers(0.5))
    with pytest.raises(ValueError, match="there is no run in other"):
        written(study(tmp_path / "a"), empty)
