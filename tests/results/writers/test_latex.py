import re
import shutil
import subprocess
from pathlib import Path

import pytest
from latex_reader import HOSTILE, flat, read, rows
from made_records import add_baselines, add_run, answers

from results.page import Bullets, Cell, Page, Part, Prose, Section, Table, code, strong, words
from results.report import write_report
from results.store import ResultStore
from results.writers.latex import ROWS, cell, floats, write_latex

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="pdflatex is not installed"
)


def page_of(*sections: Section, title: str = "made", parts: int = 1) -> Page:
    parts_of = [Part(f"part {number}", list(sections)) for number in range(parts)]
    return Page(title, parts_of, Section("Sources", []), "Built today")


def compiled(folder: Path) -> str:
    """The log of setting all tables."""
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables-standalone"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)
    log = (folder / "tables-standalone.log").read_text(errors="replace")
    assert done.returncode == 0, log[-3000:]
    assert "Missing character" not in log
    return log


def test_cells_of_any_text_read_back(tmp_path: Path) -> None:
    table = Table(
        ["a", *HOSTILE], [[words(text), *[words(text)] * len(HOSTILE)] for text in HOSTILE]
    )
    file = write_latex(page_of(Section("s", [table])), tmp_path)
    header, *found = rows(file)
    assert [read(each) for each in header] == ["a", *[flat(text).strip() for text in HOSTILE]]
    assert len(found) == len(HOSTILE)
    for line, text in zip(found, HOSTILE, strict=True):
        assert len(line) == len(HOSTILE) + 1
        wanted = flat(text).strip() or "--"
        for each in line:
            assert (each if each == "--" else read(each)) == wanted


def test_texts_around_a_table_are_inert_too(tmp_path: Path) -> None:
    for text in filter(None, HOSTILE):
        page = page_of(
            Section(text, [Table(["a"], [[words("b")]], text), Prose(text)]), title=text, parts=2
        )
        file = write_latex(page, tmp_path)
        lines = file.read_text(encoding="ascii").splitlines()
        comments = [line[2:] for line in lines if line.startswith("% ")]
        assert read(comments[0]) == flat(text).rstrip()
        assert sum(read(each) == flat(text).strip() for each in comments[3:]) == 2
        captions = [line for line in lines if r"\caption" in line]
        assert len(captions) == 2
        for line in captions:
            inner = re.fullmatch(r"  \\caption\{(.*)\}", line)
            assert inner is not None
            assert flat(text).strip(" .:") in read(inner[1])
        labels = [line for line in lines if r"\label" in line]
        assert all(re.fullmatch(r"  \\label\{tab:compare-[a-z0-9-]+\}", line) for line in labels)
        assert len(set(labels)) == 2


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (Cell(), "--"),
        (Cell(value=-0.5), "$-$0.500"),
        (Cell(value=0.5, strong=True), r"\textbf{0.500}"),
        (Cell(text="untrained", weak=True), r"\textit{untrained}"),
        (Cell(value=0.5, form="+.2f", note="a_b"), r"+0.50 (a\_b)"),
        (Cell(value=0.5, marks="††"), r"0.500\textsuperscript{$\dagger$$\dagger$}"),
        (Cell(text=f"{strong('a&b')} {code('c_d')}"), r"\textbf{a\&b} \texttt{c\_d}"),
        (
            Cell(value=0.5, low=-0.1, high=0.6, strong=True),
            r"\textbf{0.500} {\scriptsize {[}$-$0.100, 0.600{]}}",
        ),
        (Cell(text="a\nb"), r"\begin{tabular}[t]{@{}r@{}}a \\ b\end{tabular}"),
    ],
)
def test_cells(content: Cell, shown: str) -> None:
    assert cell(content) == shown


def test_limits_stand_below_where_columns_are_many(tmp_path: Path) -> None:
    figure = Cell(value=0.5, low=0.4, high=0.6)
    for count, is_below in ((3, False), (4, True)):
        table = Table(["m", *["x"] * count], [[words("clm"), *[figure] * count]])
        text = write_latex(page_of(Section("s", [table])), tmp_path).read_text()
        assert (r"0.500 \\ {\scriptsize {[}0.400, 0.600{]}}" in text) == is_below
        assert (r"0.500 {\scriptsize {[}0.400, 0.600{]}}" in text) != is_below
        assert r"95\,\% intervals in brackets." in text


def test_a_table_is_called_by_its_title_or_the_paragraph_that_introduces_it() -> None:
    table = Table(["model", "size"], [[words("clm"), words("1")]])
    found = floats(
        page_of(
            Section("Scores", [table, Prose("How to read.")]),
            Section("", [Prose("What was gained:"), table, Table(["a"], [], "By part")]),
            Section("Cost", [Bullets(["x"]), table, Prose("It rose."), table]),
        )
    )
    assert [(each.name, each.caption, list(each.notes)) for each in found] == [
        ("scores", "Scores", ["How to read."]),
        ("scores-2", "What was gained", []),
        ("scores-3", "Scores: By part", []),
        ("cost", "Cost", ["It rose."]),
        ("cost-2", "Cost: size", []),
    ]


def test_tables_of_pictures_are_left_out_and_long_ones_go_on(tmp_path: Path) -> None:
    pictures = Table(["a"], [[Cell(pictures=(b"x",))]])
    long = Table(["a"], [[words(str(number))] for number in range(ROWS + 1)])
    found = floats(page_of(Section("s", [pictures, long])))
    assert [len(each.table.rows) for each in found] == [ROWS, 1]
    assert found[1].caption == "s (continued)"
    assert [found[0].name, found[1].name] == ["s", "s-2"]


def test_each_table_stands_by_itself_too(tmp_path: Path) -> None:
    table = Table(["日"], [[words("a")]])
    file = write_latex(page_of(Section("s", [table]), parts=2), tmp_path)
    alone = [(tmp_path / "tables" / name).read_text() for name in ("s.tex", "s-2.tex")]
    assert all(text in file.read_text() for text in alone)
    assert all(text.startswith(r"\providecommand{\compareunicode}") for text in alone)
    assert "Comparison 2 of 2 (part 1)" in alone[1]


def made_report(tmp_path: Path, more: str = "") -> Path:
    store = ResultStore(tmp_path)
    nats = {"clm": 5.0, "simcse": 0.02}
    found = [
        add_run(store, "clm", answers(0.6), nats=nats, note=more),
        add_run(store, "simcse", answers(0.4), nats={"clm": 8.0, "simcse": 0.01}),
        add_run(store, "untrained", answers(0.45), kind="untrained", nats={"clm": 6.3}),
        add_baselines(store, chance=answers(0.1), words=answers(0.5)),
    ]
    runs = [(record, store) for record in found]
    return write_report(runs, tmp_path / "reports", command="x", formats=["latex"])


def test_a_report_gives_the_same_tables_every_time(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        folder = made_report(tmp_path)
        found.append({p.name: p.read_bytes() for p in folder.rglob("*.tex")})
    assert found[0] == found[1]
    assert {"tables.tex", "tables-standalone.tex", "probes.tex"} <= set(found[0])


def test_the_scores_of_a_report_stand_in_its_table(tmp_path: Path) -> None:
    header, *found = rows(made_report(tmp_path) / "tables" / "probes.tex")
    assert [read(each) for each in header] == ["model", "task: accuracy, pairs"]
    names = {line[0]: line[1] for line in found}
    assert set(names) == {"chance", "words", "untrained", "clm", "simcse"}
    assert names["clm"].startswith(r"0.600 {\scriptsize {[}0.55")
    assert names["simcse"].startswith(
        r"0.400\textsuperscript{$\dagger$$\dagger$,$\ddagger$$\ddagger$} "
    )
    text = (tmp_path / "reports").rglob("probes.tex")
    assert "not told apart from the model before training" in next(text).read_text()


@needs_latex
def test_a_report_compiles(tmp_path: Path) -> None:
    log = compiled(made_report(tmp_path))
    assert "Overfull" not in log
    assert "multiply defined" not in log


@needs_latex
def test_whatever_was_typed_compiles_and_reads_nothing(tmp_path: Path) -> None:
    every = "".join(map(chr, [*range(1, 0x250), 0x2020, 0x2021, 0x26A0, 0x202E, 0x1F600]))
    table = Table(["a", "b"], [[words(text), words(text + text)] for text in [*HOSTILE, every]])
    titles = [Section(text, [Table(["a"], [[words("b")]], text), Prose(text)]) for text in HOSTILE]
    write_latex(page_of(Section("s", [table]), *titles, title=HOSTILE[0]), tmp_path)
    log = compiled(tmp_path)
    assert "passwd" not in "".join(re.findall(r"\(([^\s()]+)", log))  # files that were opened
