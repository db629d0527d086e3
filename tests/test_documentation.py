"""What the documentation says can be typed, and its site is built without a warning."""

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from map_of_files import ROOT
from whole_commands import report_path

from cli.configuration import sweep_columns
from cli.hydra_app import collect
from cli.main import main

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
TINY = [
    "+experiment=smoke",
    "dataset.sequence_length=64",
    "dataset.vocabulary_size=600",
    "model.hidden_size=32",
    "model.max_length=64",
    "budget.amount=6",
    "trainer.dtype=float32",
    "workers=1",
]

WRITTEN = ("log.md", "report.md", "configurations.md")
"""Pages that tell what was run once, or that are made of other files."""

PLUGIN = """from dataclasses import dataclass

from objectives.clm import CLM


@dataclass(frozen=True, kw_only=True)
class Mine(CLM):
    '''Another name for CLM.'''
"""


def commands(page: Path) -> list[str]:
    """Those of fenced blocks, without what a comment says and over several lines as one."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text(), re.M | re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [
        shlex.join(shlex.split(line, comments=True)[1:])
        for line in lines
        if line.startswith("compare ")
    ]


TYPED = [
    pytest.param(command, id=f"{page.relative_to(ROOT)}: {command}")
    for page in PAGES
    if page.name not in WRITTEN
    for command in commands(page)
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages speak of: texts, tables, an objective of one's own."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "my_texts").mkdir()
    shutil.copy(ROOT / "README.md", folder / "my_texts" / "readme.txt")
    (folder / "mine.py").write_text(PLUGIN)
    (folder / "my_conf" / "objective").mkdir(parents=True)
    yaml = (ROOT / "conf" / "objective" / "clm.yaml").read_text()
    mine = yaml.replace("kind: clm", "kind: mine").replace("name: clm", "name: mine")
    (folder / "my_conf" / "objective" / "mine.yaml").write_text(mine)
    return folder


@pytest.mark.parametrize("command", TYPED)
def test_what_is_to_be_typed_composes(
    command: str, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk)
    name, *arguments = shlex.split(command)
    if name in ("run", "plan") and "--help" not in arguments and "-sc" not in arguments:
        assert sweep_columns(collect(arguments))
    else:
        with contextlib.suppress(SystemExit):
            assert main([name, "--help"]) == 0
        assert f"compare {name}" in capsys.readouterr().out


def test_enough_is_typed() -> None:
    """So that a change of the pages' form does not leave the test above with nothing to do."""
    assert len(TYPED) > 30


def test_the_tutorial_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On made texts and labels, tiny; the answer stands in them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_texts").mkdir()
    words = ["screws", "letter", "years", "fault", "table", "colour", "price", "parcel"]
    rng = np.random.default_rng(0)
    for number in range(240):
        drawn = rng.choice([a + b for a in words for b in words], 200)
        text = ". ".join(" ".join(drawn[i : i + 8]) for i in range(0, 200, 8))
        (tmp_path / "my_texts" / f"{number}.txt").write_text(text)
    rows = [(f"The {words[i % 8]} number {i} was {'fine' if i % 2 else 'broken'}.", i % 2)
            for i in range(200)]  # fmt: skip
    pd.DataFrame(rows, columns=["text", "label"]).to_csv("reviews.csv", index=False)
    wanted = [shlex.split(each) for each in commands(ROOT / "docs" / "tutorial.md")]
    (first,) = [each[1:] for each in wanted if each[0] == "run"][:1]
    assert first[:2] == ["objective=clm,mlm,simcse", "-m"]
    assert main(["run", *first, *TINY]) == 0
    page = report_path(capsys.readouterr().out).read_text()
    assert page.index("## Verdict") < page.index("## Sanity") < page.index("## Probes")
    assert "reviews" in page


def test_the_site_is_built(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "docs", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-2000:]
    page = (tmp_path / "reference" / "configurations.html").read_text()
    for name in ("objective=simcse", "probe=sst2", "model=mini"):
        assert name in page
    assert "Rows are padded" in (tmp_path / "reference" / "code.html").read_text()
