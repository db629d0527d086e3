"""Command lines, corpora and tables that nobody meant: a message, and never a traceback."""

import contextlib
import io
import json
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_corpus import build, document
from made_records import add_run, answers

import cli.main
import cli.prepare
from cli.explain import OWN_KINDS
from models.registry import find
from results.store import ResultStore
from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig
from runners.probes.base import PROBES, NotApplicableError

WHOLE = os.environ.get("COMPARE_FAULTS") == "whole"
FUZZ = settings(
    max_examples=300 if WHOLE else 12,
    derandomize=not WHOLE,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

COMMANDS = [
    shlex.split(line)
    for line in """
run objective=clm,mlm -m seed=0,1
run objective=mlm dataset=local dataset.path=texts dataset.text_column=text
run +experiment=smoke objective=clm,mlm,simcse -m trainer.threads=1
run objective=clm_simcse model=small budget.amount=1e12 trainer.dtype=float32
run objective=mlm objective.mlm_probability=0.15,0.3 -m budget=tokens measures.candidates=64
run probe=classification probe.path=t.csv probe.label_column=label
run +probe@probes.mine=similarity probes.mine.path=pairs.csv measures.primary=[mine spearman]
run model=checkpoint model.path=./nowhere model.dropout=null
run columns=[clm,mlm] plugins=[] output_dir=outputs hub_dir=null workers=1
plan objective=rtd,ul2 -m model=auto budget=flops budget.amount=1e15
plan --config-dir . +experiment=smoke finish.probe=null
run objective=simcse objective.temperature={schedule:linear,start:0.1,end:0.05}
run --cfg job objective=clm
list runs output_dir=outputs
list datasets
report outputs --format csv,json
report outputs outputs --diff
track outputs --to tensorboard --folder logs
export outputs/runs/x new --push me/mine
job outputs/jobs/x.json
new objective mine --folder plugins
check mine plugins=[mine.py]
--help
""".strip().splitlines()
]

VALUES = (
    "", " ", "null", "true", "nan", "-inf", "1e400", "1" * 400, "-1", "0", "0x10", "1_000", "2024",
    "[]", "{}", "[[", "}", "[a,b", "a,b", "{a:1}", "'", '"', "\\", "${x}", "${oc.env:HOME}", "${",
    "${hydra:x}", "choice(1,2)", "range(1,3)", "glob(*)", "shuffle(1,2)", "sort(1,2)",
    "interval(0,1)", "../..", "/", "~", ".", "a b", "a\nb", "a\tb", "é", "日本", "\u202e", "\ud83d",
    "\udcff", "\x1b[0m", "%s", "{0}", "*", "?", "!", "#", "@", "=", "==", "--", "-", "+", "~x",
    "++", "a=b=c", "x" * 3000,
)  # fmt: skip
WORDS = (
    "-m", "--multirun", "-h", "--help", "--help=all", "--cfg", "--cfg=job", "-c", "--resolve",
    "--info", "--config-dir", "--config-dir=.", "-cn", "-cp=.", "--package", "--format", "--diff",
    "--to", "x", "--hydra-help", "--version", "-p", "-x", "objective", "seed", "+", "~", "~seed",
    "~objective", "+x=1", "++seed=1", "+experiment=", "experiment=smoke", "hydra.run.dir=x",
    "hydra=null", "hydra.mode=RUN", "hydra.mode=MULTIRUN", "hydra/launcher=basic",
    "hydra.sweeper.params={seed:1}", "model@x=small", "objective@objective.terms.x=mlm",
    "probe=[]", "probe=[library,retrieval]", "probes=null", "=", "a b", "budget=null",
    "trainer={}", "columns=clm", "columns=[x]", "plugins=x.py", "plugins=[.]", "seed=",
)  # fmt: skip


ACCIDENTS = ("drop", "twice", "word", "value", "value", "letter", "swap", "name")


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A real command line after some accidents."""
    words = list(draw(st.sampled_from(COMMANDS)))
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.sampled_from((0, *[1] * 9)))  # most of them spare the command's own name
        place = draw(st.integers(min(first, len(words)), len(words)))
        accident = draw(
            st.sampled_from(("drop", "twice", "word", "value", "letter", "swap", "name"))
        )
        if accident == "word":
            words.insert(place, draw(st.sampled_from(WORDS)))
        elif not words or place == len(words):
            words.append(draw(st.sampled_from(VALUES)))
        elif accident == "drop":
            words.pop(place)
        elif accident == "twice":
            words.insert(place, words[place])
        elif accident == "swap":
            words.append(words.pop(place))
        elif accident == "value":
            name, equals, _ = words[place].partition("=")
            words[place] = (name + equals if equals else "") + draw(st.sampled_from(VALUES))
        elif accident == "name":
            _, equals, value = words[place].partition("=")
            words[place] = draw(st.sampled_from(VALUES)) + equals + value
        else:
            at = draw(st.integers(0, len(words[place])))
            letters = draw(st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=3))
            words[place] = words[place][:at] + letters + words[place][at:]
    return [word.replace("\0", "") for word in words]  # no system hands those over


class ReachedError(Exception):
    """All is composed and checked; data would be read next."""


def unreachable(*_: Any, **__: Any) -> None:
    raise ConnectionError("no network")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a study, a table and a plugin; nothing outside of it is written or asked."""
    folder, before = tmp_path_factory.mktemp("here"), Path.cwd()
    add_run(ResultStore(folder / "outputs"), "clm", answers(0.5, 20))
    (folder / "t.csv").write_text("text,label\na,b\n")
    os.chdir(folder)
    with (
        patch.object(cli.prepare, "prepare", side_effect=ReachedError),
        patch.object(cli.prepare, "check_writable"),
        patch.object(huggingface_hub.HfApi, "repo_info", unreachable),
        patch.object(huggingface_hub, "snapshot_download", unreachable),
        patch("cli.new.write", return_value=[]),
        patch("cli.report.write_report", return_value=Path("report.md")),
        patch("cli.report.write_diff", return_value=Path("report.md")),
        patch("cli.report.show_report"),
        patch("cli.track.write_tensorboard", return_value="logged"),
        patch("cli.track.write_wandb", return_value="logged"),
        patch("cli.check.CHECKS", {}),
    ):
        yield folder
    os.chdir(before)


@FUZZ
@given(words=lines())
def test_no_command_line_ends_in_a_traceback(here: Path, words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main.main(words)
        except ReachedError:
            return
        except SystemExit as end:
            status = 0 if end.code is None else int(end.code)
    said = err.getvalue()
    assert status in (0, 1, 2)
    assert "Traceback" not in said + out.getvalue()
    if status == 2:
        *_, last = said.splitlines()
        assert last.startswith("compare: ")
        assert len(last) > len("compare: ")
        assert said.count("compare: ") >= 1


CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b"",
            b"\xef\xbb\xbf",
            b"\xff\xfet\x00e\x00",
            b"\0" * 50,
            b"\n" * 500,
            b"\r\r\n\r",
            b'"' * 99,
            b"text,label\n" + b"word " * 50_000,
            b"text,label\n1,2,3\n",
            b"text,text\na,b\n",
            b"text\tlabel\n\"a\tb\n",
            b"PAR1" + b"\0" * 40 + b"PAR1",
            b'{"text": 1}\n{"text": [1]}\n',
            b'{"text": "\\ud800"}\n' * 40,
            b'{"text": NaN}\n{"text": null}\n',
            b'{"text": ' + b"[" * 5000,
            b"[1, 2]\n",
            b"\x1f\x8b\x08\x00",
        ]
    ),
)  # fmt: skip
CELLS = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.lists(st.text(max_size=4), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=1),
)
COLUMNS = (
    "text", "label", "sentence1", "sentence2", "tokens", "tags", "query", "document", "heads",
    "sentence_good", "sentence_bad", "last", "score",
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn, suffix: str) -> bytes:
    """A table with columns of any kind, many of its rows usable."""
    names = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=6, unique=True))
    count = draw(st.integers(0, 40))
    wordy = draw(st.booleans())
    odd = draw(st.dictionaries(st.integers(0, 40), CELLS, max_size=3))
    usual = "{name} {row} of words" if wordy else "{row}"
    rows = [
        {name: odd.get(row, usual.format(name=name, row=row % 7)) for name in names}
        for row in range(count)
    ]
    if suffix == ".jsonl":
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    if suffix == ".parquet":
        sink = io.BytesIO()
        try:
            pq.write_table(pa.Table.from_pylist(rows), sink)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            return b"PAR1"
        return sink.getvalue()
    between = "\t" if suffix == ".tsv" else ","
    lines = [names, *([str(cell) for cell in row.values()] for row in rows)]
    return "\n".join(between.join(line) for line in lines).encode("utf-8", "surrogatepass")


SUFFIXES = st.sampled_from([".txt", ".jsonl", ".csv", ".tsv", ".parquet"])
NAMES = st.sampled_from(["a", "train", "test", "val.b", "日本", "-x", "a b", "$(x)", "%s"])


@st.composite
def files(draw: st.DrawFn) -> dict[str, bytes]:
    """By name, what somebody may have in a folder."""
    found = {}
    for _ in range(draw(st.integers(1, 3))):
        suffix = draw(SUFFIXES)
        made = CONTENTS if suffix == ".txt" or draw(st.booleans()) else tables(suffix)
        found[draw(NAMES) + suffix] = draw(made)
    if draw(st.booleans()):
        found["more.txt"] = "\n\n".join(map(document, range(60))).encode()
    return found


def says_why(run: Callable[[], object]) -> None:
    """Run, or be told in one message why not; anything else is a fault of ours."""
    said = "as it should be"
    try:
        run()
    except (ValueError, NotApplicableError) as error:
        said = str(error)
    assert said.strip()
    assert len(said) < 5000


@FUZZ
@given(
    found=files(),
    unit=st.sampled_from(["paragraph", "line", "file"]),
    column=st.sampled_from(COLUMNS),
)
def test_no_corpus_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, bytes], unit: str, column: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "data").mkdir()
    for name, content in found.items():
        (folder / "data" / name).write_bytes(content)
    config = LocalConfig(
        path=str(folder / "data"),
        unit=unit,
        text_column=column,
        vocabulary_size=512,
        sequence_length=16,
    )
    says_why(lambda: build_corpus(config, output_dir=folder / "out", say=lambda line: None))
    left = folder / "out" / "corpora"
    assert not list(left.glob(".building-*"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(20)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    return build(tmp_path_factory.mktemp("corpus"), rows)


KINDS = (
    "classification",
    "similarity",
    "tagging",
    "structure",
    "minimal_pairs",
    "last_word",
    "search",
)


@FUZZ
@given(data=st.data(), kind=st.sampled_from(OWN_KINDS), suffix=SUFFIXES)
def test_no_table_of_a_probe_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory,
    small: Corpus,
    data: st.DataObject,
    kind: str,
    suffix: str,
) -> None:
    content = data.draw(st.one_of(tables(suffix), tables(suffix), CONTENTS))
    file = tmp_path_factory.mktemp("fuzz") / f"table{suffix}"
    file.write_bytes(content)

    def run() -> None:
        probe = find(PROBES, kind)(name="mine", path=str(file))
        probe.open(hub_dir=None, cache_dir=file.parent / "hub")(small)

    says_why(run)
