import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_pages import HOSTILE
from made_records import add_baselines, add_run, answers, rewrite

from results.comparison import Stratum, strata
from results.disagreement import Disagreement, disagreement
from results.findings import findings
from results.integrity import write_manifest
from results.page import Page, Part, Section
from results.record import Metric
from results.report import write_report
from results.rows import StoredRun
from results.sections.disagreements import section
from results.store import ResultStore
from results.writers.html import write_html
from results.writers.markdown import DASH, write_markdown

COUNT = 40


def right(*places: int) -> np.ndarray:
    scores = np.zeros(COUNT)
    scores[list(places)] = 1.0
    return scores


def texts(metrics: tuple[str, ...] = ("accuracy",), kept: int = COUNT, **more: Any) -> Any:
    exhibit = {
        "metrics": list(metrics),
        "header": ["text", "class"],
        "of": COUNT,
        "places": list(range(kept)),
        "texts": [[f"text {place}", "yes"] for place in range(kept)],
        "choices": [],
    }
    return {"probe task": [{**exhibit, **more}]}


class Study:
    """Models by name, each with the scores of its seeds; and the texts of their examples."""

    def __init__(self, folder: Path, metric: Metric | None = None, **models: list[np.ndarray]):
        self.store, self._folder = ResultStore(folder), folder
        metrics = {"probe task": (metric,)} if metric else None
        self.records = [
            add_run(self.store, name, scores, seed=seed, metrics=metrics)
            for name, seeds in models.items()
            for seed, scores in enumerate(seeds)
        ]
        self.records.append(add_baselines(self.store, words=answers(0.1, COUNT)))
        self.keep(texts())

    def keep(self, exhibits: Any) -> None:
        file = self.store.folder / "baselines-1" / "exhibits.json"
        rewrite(file, json.dumps(exhibits))

    def change(self, name: str, seed: int, **columns: Any) -> None:
        (record,) = [r for r in self.records if (r.objective, r.seed) == (name, seed)]
        file = self.store.folder / record.name / "examples.parquet"
        pd.read_parquet(file).assign(**columns).to_parquet(file)
        write_manifest(file.parent)

    @property
    def stratum(self) -> Stratum:
        return strata([StoredRun(record, self.store) for record in self.records])[0]

    @property
    def found(self) -> Disagreement | None:
        return disagreement(self.stratum, findings(self.stratum)[0])

    @property
    def section(self) -> str:
        """In Markdown; as HTML in report.html beside it."""
        made = section(self.stratum)
        if made is None:
            return ""
        page = Page("Made", [Part("", [made])], Section("Sources", []), "Built.")
        write_html(page, self._folder)
        return write_markdown(page, self._folder).read_text()

    def report(self) -> str:
        """The whole page as HTML."""
        found = [(record, self.store) for record in self.records]
        report = write_report(found, self._folder / "r", command="x")
        assert "could not be built" not in report.read_text()
        return report.with_name("report.html").read_text()


def two(folder: Path) -> Study:
    """Of 40 examples: 0 right in all, 1 to 3 only clm, 4 only mlm, 5 seeds differ, others wrong."""
    return Study(
        folder,
        clm=[right(0, 1, 2, 3, 5), right(0, 1, 2, 3)],
        mlm=[right(0, 4), right(0, 4)],
        simcse=[right(), right()],
    )


def test_counts_add_up_to_all_examples(tmp_path: Path) -> None:
    found = two(tmp_path).found
    assert found is not None
    assert (found.first.label, found.second.label) == ("clm", "mlm")
    assert found.answered
    assert [np.flatnonzero(each).tolist() for each in found.ahead] == [[1, 2, 3], [4]]
    both, neither = found.alike
    assert np.flatnonzero(both).tolist() == [0]
    assert neither.sum() == COUNT - 6
    assert (
        "| task: accuracy, pairs | clm | mlm | 40 | 3 | 1 | 1 | 34 | 1 |"
        in two(tmp_path / "again").section
    )


def test_the_most_consistent_come_first_and_each_model_says_its_seeds(tmp_path: Path) -> None:
    section = two(tmp_path).section
    lines = [line for line in section.splitlines() if line.startswith("| text ")]
    assert lines == [
        "| text | class | clm | mlm |",
        *(f"| text {place} | yes | 2 of 2 | 0 of 2 |" for place in (1, 2, 3)),
        "| text 5 | yes | 1 of 2 | 0 of 2 |",
        "| text | class | clm | mlm |",
        "| text 4 | yes | 0 of 2 | 2 of 2 |",
    ]
    assert "clm better than mlm (3 of 40 in every seed):" in section
    assert "mlm better than clm (1 of 40 in every seed):" in section


def test_of_many_some_are_spread_over_the_test_set(tmp_path: Path) -> None:
    study = Study(tmp_path, clm=[right(*range(30))], mlm=[right(39)])
    assert study.found is not None
    assert study.found.most(range(COUNT), 4) == ([0, 9, 19, 29], [39])
    assert study.found.most(range(10, 13), 4) == ([10, 11, 12], [])


def test_figures_that_are_more_than_right_or_wrong(tmp_path: Path) -> None:
    high, low = np.linspace(0.5, 0.9, COUNT), np.full(COUNT, 0.6)
    study = Study(tmp_path, clm=[high, high + 0.05], mlm=[low, low])
    found = study.found
    assert found is not None
    assert not found.answered
    first, second = found.ahead
    assert np.flatnonzero(first).tolist() == list(range(10, COUNT))
    assert np.flatnonzero(second).tolist() == [0, 1, 2, 3, 4]
    assert found.most(range(COUNT), 2) == ([39, 38], [0, 1])
    assert f"| clm | mlm | 40 | 30 | 5 | {DASH} | {DASH} | 5 |" in study.section
    assert "| text 39 | yes | 0.925 | 0.600 |" in study.section


@pytest.mark.parametrize(
    ("estimator", "values", "targets", "expected"),
    [
        ("macro_f1", [2, 1, 0], [2, 2, 0], [1, 0, 1]),
        ("mcc", [2, 1, 0], [2, 2, 0], [1, 0, 1]),
        ("share", [0.3, 0.15, 0], [0.3, 0.3, 0.3], [1, 0.5, 0]),
        ("ratio", [2, 1, 0], [4, 4, 0], [0.5, 0.25]),  # the last has no weight
    ],
)
def test_what_an_example_is_worth(
    tmp_path: Path, estimator: Any, values: list[float], targets: list[float], expected: list[float]
) -> None:
    study = Study(
        tmp_path, Metric("accuracy", estimator=estimator), clm=[right(0)[:3]], mlm=[right()[:3]]
    )
    for name in ("clm", "mlm"):
        study.change(name, 0, value=np.array(values, float), target=np.array(targets, float))
    assert study.found is not None
    assert study.found.scores[0].tolist() == [expected]


def test_correlations_have_no_examples_of_their_own(tmp_path: Path) -> None:
    study = Study(
        tmp_path,
        Metric("accuracy", estimator="spearman"),
        clm=[answers(0.7, COUNT)],
        mlm=[answers(0.5, COUNT)],
    )
    for name in ("clm", "mlm"):
        study.change(name, 0, target=np.arange(COUNT) * 1.0)
    assert study.found is None
    assert study.section == ""


def test_other_test_examples_are_not_set_beside_each_other(tmp_path: Path) -> None:
    study = two(tmp_path)
    study.change("mlm", 1, group=[f"other {place}" for place in range(COUNT)])
    assert study.found is None


def test_after_a_finish_the_examples_are_the_same(tmp_path: Path) -> None:
    study = two(tmp_path)
    for folder in study.store.folder.iterdir():
        record, rows = folder / "record.json", folder / "examples.parquet"
        text = record.read_text().replace('"probe task"', '"probe task, finished"')
        content = json.loads(text)
        content["config"] |= {
            "finish": {"probe": "task", "attention": "own"},
            "probes": {"task": {}},
        }
        pd.read_parquet(rows).assign(measure="probe task, finished").to_parquet(rows)
        rewrite(record, json.dumps(content))
    study.records, _ = study.store.records()
    assert "### task, finished: accuracy, pairs" in study.section
    assert "| text 1 | yes | 2 of 2 | 0 of 2 |" in study.section


def test_texts_of_another_test_set_are_not_shown(tmp_path: Path) -> None:
    study = two(tmp_path)
    study.keep(texts(of=COUNT + 1))
    assert study.section == ""
    study.keep(texts(metrics=("another",)))
    assert study.section == ""


def test_records_without_texts_have_no_section(tmp_path: Path) -> None:
    study = two(tmp_path)
    folder = study.store.folder / "baselines-1"
    (folder / "exhibits.json").unlink()
    write_manifest(folder)
    assert study.section == ""
    assert "disagree" not in study.report()


def test_the_reader_is_told_where_not_all_texts_were_kept(tmp_path: Path) -> None:
    study = two(tmp_path)
    study.keep(texts(kept=3, choices=["yes", "no"]))
    assert "To choose among: yes, no. Chosen from 3 of the 40 examples." in study.section
    assert "text 3" not in study.section


@pytest.mark.parametrize("hostile", HOSTILE)
def test_texts_are_shown_as_they_are(tmp_path: Path, hostile: str) -> None:
    study = two(tmp_path)
    study.keep(texts(texts=[[hostile, hostile]] * COUNT, header=["text", hostile]))
    assert study.section.count("2 of 2") == 4
    page = (tmp_path / "report.html").read_text()
    assert page.count("<script") == 1
    assert not re.search(r"<img|\u202e|</title></table>", page.partition("<main")[2])


def test_a_table_of_scores_leads_to_its_examples(tmp_path: Path) -> None:
    page = two(tmp_path).report()
    probes = page.partition('<section id="probes"')[2].partition("</section>")[0]
    assert '<a href="#examples-task-accuracy-pairs">task: accuracy, pairs</a>' in probes
    assert page.count('<details class="fold" id="examples-task-accuracy-pairs">') == 1
