"""`compare report`: which runs, in which formats, and what it refuses."""

from pathlib import Path

import pytest
from made_records import add_run, answers

from cli.main import main
from cli.report import HELP
from results.formats import FOR_READING, FORMATS
from results.store import ResultStore


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two studies of a run each, `outputs` and `other_outputs`."""
    monkeypatch.chdir(tmp_path)
    for name, share in (("outputs", 0.5), ("other_outputs", 0.6)):
        for objective in ("clm", "mlm"):
            add_run(ResultStore(tmp_path / name), objective, answers(share), nats={"clm": 5.0})
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str]) -> Path:
    *_, line = capsys.readouterr().out.splitlines()
    assert line.startswith("report: ")
    return Path(line.removeprefix("report: "))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "latx"], f"no format 'latx'; known: {', '.join(FORMATS)}"),
        (["--format=csv,pdf"], "no format 'pdf'"),
        (["--format", ""], "no format is named"),
        (["--format"], "expected one argument"),
        (["--formats", "csv"], "unrecognized arguments: --formats"),
        (["--diff"], "two studies, and 1 is named"),
        (["--diff", "outputs"], "two studies, and 1 is named"),
        (["outputs", "--diff", "outputs", "other_outputs"], "two studies, and 3 are named"),
        (
            ["outputs", "other_outputs", "--diff", "--format", "csv"],
            f"no format 'csv'; known: {', '.join(FOR_READING)}",
        ),
        (["outputs", "nowhere", "--diff"], "no runs in nowhere"),
        (["nowhere"], "no runs in nowhere"),
    ],
)
def test_wrong_usage_is_one_error_and_nothing_is_written(
    arguments: list[str], message: str, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (error,) = captured.err.splitlines()
    assert error.startswith("compare: ")
    assert message in error
    assert not list(studies.glob("*/reports"))


def test_help_fits_a_screen() -> None:
    lines = HELP.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_shown(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", flag]) == 0
    assert capsys.readouterr().out == HELP


EXAMPLES = [
    line.split("  ")[1].strip().split() for line in HELP.splitlines() if line[:10] == "  compare "
]


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_the_examples_of_the_help_work(
    words: list[str], studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words[1:]) == 0
    found = printed(capsys)
    assert found.exists()
    assert found.is_relative_to("outputs/reports")
    expected = {"latex": "tables.tex", "parquet,png": "results.parquet"}
    folder = found if found.is_dir() else found.parent
    if "--diff" in words:
        assert found.name == "diff.md"
    elif words[-2] == "--format":
        assert (folder / expected[words[-1]]).is_file()
    else:
        assert found.name == "report.md"


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5


def test_two_runs_of_one_study_are_compared(
    studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_run(ResultStore(studies / "outputs"), "clm", answers(0.7), source="later")
    runs = studies.glob("outputs/runs/clm-*")
    old, new = sorted(runs, key=lambda run: '"later"' in (run / "record.json").read_text())
    assert main(["report", str(old), str(new), "--diff"]) == 0
    text = printed(capsys).read_text()
    assert "| source code | s | later |" in text
    assert "+0.200" in text
    assert "mlm" not in text.split("## Figure by figure")[1].split("## Where")[0]
