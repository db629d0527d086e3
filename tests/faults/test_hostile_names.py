"""A study whose every free text is hostile: each format shows it as text, and no more."""

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from latex_reader import read, rows
from made_records import CORPUS, NATS, add_baselines, add_run, answers
from markdown_it import MarkdownIt

from cli.main import main
from results.formats import FORMATS
from results.page import Bullets, Page, Part, Prose, Section, Table, code, strong, words
from results.record import Metric, Value
from results.report import write_report
from results.store import ResultStore
from results.text import encodable, visible
from results.tidy import tidy
from results.writers.csv import write_csv
from results.writers.markdown import write_markdown

HOSTILE = (
    "[/b][bold red]:smile: [link=javascript:alert(1)]x[/link]",
    "a|b `c|d` \\| e",
    "two\nlines\r\n\r\n| x | y |\n",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[x](javascript:alert(1)) ![y](javascript:alert(2)) <javascript:alert(3)>",
    "=cmd|'/c calc'!A1",
    "+1-2 @SUM(A1) -x",
    "50% & under_score #1 $x^2$ ~ {a} \\\\ ^^5c \\input{x}",
    "\u202eright to left\u202c \u200f\u0627\u0644 \u2066x\u2069",
    "\x1b[31mred\x1b]0;title\x07 \x00\x08\x7f\x9b2J",
    "# heading\n- item\n> quote\n1. one\n***\n",
    "' onmouseover='alert(1)' \" onfocus=\"alert(1)",
    "&lt;b&gt; &#60;i&#62; <!-- x --> ]]> </style></title></table>",
    "{{ 7 * 7 }} {% raw %} ${oc.env:HOME} __import__('os')",
    "half \ud800 a pair",
    "日本語 مرحبا \U0001f600",
)


def shown(text: str) -> str:
    """What a reader is to see of a text in one line."""
    return " ".join(visible(text).split())


class Markdown:
    """What a reader of Markdown would see: tables, and whatever could be active."""

    def __init__(self, text: str) -> None:
        parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        self.tables: list[list[list[str]]] = []
        self.kinds: Counter[str] = Counter()
        self.html: set[str] = set()
        self.lines: list[str] = []
        tokens = parser.parse(text)
        for number, token in enumerate(tokens):
            self.kinds[token.type] += 1
            if token.type == "table_open":
                self.tables.append([])
            elif token.type == "tr_open":
                self.tables[-1].append([])
            elif token.type == "html_block":
                self.html.add(token.content)
            elif token.type == "inline":
                said = self._inline(token)
                if tokens[number - 1].type in ("th_open", "td_open"):
                    self.tables[-1][-1].append(said)
                else:
                    self.lines.append(said)

    def _inline(self, token: Any) -> str:
        said = ""
        for child in token.children:
            self.kinds[child.type] += 1
            if child.type == "html_inline":
                self.html.add(child.content)
                said += "\n" if child.content == "<br>" else ""
            elif child.type in ("text", "code_inline", "text_special"):
                said += child.content
            elif child.type == "softbreak":
                said += " "
        return " ".join(said.split())


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] not in ("script", "style"):
            self.words += data


def test_markdown_parses_back_to_the_same_cells(tmp_path: Path) -> None:
    header = ["plain", "strong", "code", *HOSTILE]
    made = [
        [words(text), words(strong(text)), words(code(text)), *map(words, HOSTILE)]
        for text in HOSTILE
    ]
    blocks = [Table(header, made), *(Table(["a"], [[words("b")]], text) for text in HOSTILE)]
    sections = [
        Section(text, [Prose(text), Prose(code(text)), Bullets([text, strong(text)])])
        for text in HOSTILE
    ]
    page = Page(HOSTILE[2], [Part("x", [Section("s", blocks), *sections])], Section("", []), "x")
    found = Markdown(write_markdown(page, tmp_path).read_text(encoding="utf-8"))
    assert found.tables[0][0] == [shown(text) for text in header]
    for text, row in zip(HOSTILE, found.tables[0][1:], strict=True):
        assert row == [shown(text)] * 3 + [shown(each) for each in HOSTILE]
    assert len(found.tables) == 1 + len(HOSTILE)
    lines = Counter(found.lines)
    for text in HOSTILE:
        assert lines[shown(text)] >= 5, text  # heading, paragraphs, items
    assert found.html <= {"<br>"}
    assert not {"link_open", "image", "html_block", "fence", "hr", "ordered_list_open"} & set(
        found.kinds
    )
    assert found.kinds["heading_open"] == len(sections) + 2
    assert found.kinds["bullet_list_open"] == len(sections)


def study(store: ResultStore, texts: Sequence[str], objectives: Sequence[str]) -> None:
    """Runs whose objectives, labels, groups, notes, errors, settings and pictures are texts."""
    for number, text in enumerate(texts):
        measure = f"probe {text}"
        corpus = replace(CORPUS, label=texts[0], notes=[text])
        add_run(
            store,
            objectives[number % len(objectives)],
            answers(0.4 + number / 100),
            seed=number,
            nats={text: 5.0, "clm": 6.0},
            columns={text: {"family": text, "unit": text, "attention": text, "additive": True}},
            more_values=(Value(measure, text, 0.5, text), Value("probe none", text, None, text)),
            metrics={measure: (Metric(text, text, text),), f"loss {text}": (NATS,)},
            probe_facts={"task": {text: text}, text: {text: 1.0}},
            settings={"mine": {text: text, "same": number}},
            corpus=corpus,
            source=texts[0],
            note=text,
            exhibits={f"probe {text}": []},
        )
    failed = add_run(store, texts[0], answers(0.1), seed=99, status="failed")
    store_error(store, failed.name, "\n".join(texts))
    add_baselines(
        store, source=texts[0], **{" ".join(text.split()): answers(0.3) for text in texts}
    )


def store_error(store: ResultStore, name: str, error: str) -> None:
    record = store.get(name)
    assert record is not None
    empty = pd.DataFrame({"value": np.array([])})
    store.add(replace(record, error=error), curve=[], examples=empty)


def reported(
    folder: Path, texts: Sequence[str], formats: Sequence[str], objectives: int
) -> tuple[ResultStore, Path]:
    store = ResultStore(folder)
    study(store, texts, texts[:objectives])
    records, unreadable = store.records()
    found = [(record, store) for record in records]
    report = write_report(
        found, folder / "reports", command=texts[0], unreadable=unreadable, formats=formats
    )
    return store, report


def test_a_hostile_study_is_text_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], whole: bool
) -> None:
    texts = tuple(text.replace("\ud800", "\ufffd") for text in HOSTILE)  # corpora clean those
    formats = [name for name in FORMATS if whole or name not in ("svg", "png")]
    objectives = len(texts) if whole else 3
    store, report = reported(tmp_path / "hostile", texts, formats, objectives)
    records, unreadable = store.records()
    assert unreadable == {}
    page = report.read_text(encoding="utf-8")
    assert "could not be built" not in page

    found = Markdown(page)
    assert found.html <= {"<br>", "<sub>", "</sub>"}
    assert found.kinds["link_open"] == 0
    labels = {row[0] for table in found.tables for row in table}
    assert {shown(text) for text in texts} <= labels

    harmless = tuple(f"word{number}" for number in range(len(texts)))
    usual = reported(tmp_path / "usual", harmless, ["html"], 3)[1] / "report.html"
    made = Elements(report.with_name("report.html").read_text(encoding="utf-8"))
    tags = Counter(tag for tag, _ in made.tags)
    allowed = {tag for tag, _ in Elements(usual.read_text(encoding="utf-8")).tags} | {"br"}
    assert set(tags) <= allowed
    assert tags["script"] == 1
    for tag, attributes in made.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("href", "src"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/", "data:,")), tag
    assert not re.search("[\x00-\x08\x1b\x7f\u200f\u202a-\u202e\u2066-\u2069]", made.words)

    for file in [*report.parent.glob("tables/*.tex"), report.with_name("tables.tex")]:
        for row in rows(file):
            for cell in row:
                read(re.sub(r"\{\\scriptsize .*\}$|^--$", "", cell))  # an error if not inert
    frame = tidy(records)
    with report.with_name("results.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(frame)
    for line, (_, row) in zip(lines, frame.iterrows(), strict=True):
        for name in ("objective", "measure", "metric", "note"):
            cell = line[name]
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
            assert cell.split() in (visible(row[name]).split(), visible(f"'{row[name]}").split())
        assert line["value"] == "" or float(line["value"]) == row["value"]
    written = json.loads(report.with_name("results.json").read_text())
    assert written["records"] == [json.loads(json.dumps(r.to_json())) for r in records]
    table = pq.read_table(report.with_name("results.parquet")).to_pylist()
    assert [row["measure"] for row in table] == list(frame["measure"])

    for command in (["report", str(tmp_path / "hostile")], ["list", "runs"]):
        more = [f"output_dir={tmp_path / 'hostile'}"] if command[0] == "list" else []
        assert main([*command, *more]) == 0
        printed = capsys.readouterr().out
        assert printed == visible(printed)
        assert ("[/b]" in printed) is (command[0] == "list")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_spreadsheet_reads_texts_and_numbers(text: str, tmp_path: Path) -> None:
    text = encodable(text)
    frame = pd.DataFrame({text: [text, "-1.5"], "value": [-0.25, None], "step": [1, 2]})
    write_csv(frame, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        header, first, second = list(csv.reader(file))
    assert first[0].split() in (visible(text).split(), visible(f"'{text}").split())
    assert header[0] == first[0]
    assert not re.match(r"\s*[=+@-]", first[0])
    assert (first[1], second[1]) == ("-0.25", "")
    assert (second[0], second[2]) == ("-1.5", "2")
