"""The hub path against a server of our own that speaks its protocol, with a cold cache.

The libraries read HF_ENDPOINT when they are imported, so each case is a process of its own.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from checkpoints import save_checkpoint
from hub_server import HubServer
from made_tokenizer import save_gpt2_like

from runners.corpora.hub import HubConfig
from runners.corpora.loading import load_hub_dataset

README = """---
configs:
{configs}---
"""
CONFIG = """- config_name: {name}
  data_files:
  - split: train
    path: {name}/train-*
  - split: test
    path: {name}/test-*
"""

PROGRAM = """
import json, sys
from hashlib import sha256
from pathlib import Path
from runners.corpora.hub import HubConfig
from runners.corpora.tokenizer import load_pretrained
from runners.configuration.checkpoint import CheckpointConfig
settings = json.loads(sys.argv[1])
try:
    if "model" in settings:
        found = CheckpointConfig(architecture="pretrained", path=settings["model"]).read()
        print(found.family, found.hidden_size, found.path)
    elif "tokenizer" in settings:
        print(load_pretrained(settings["tokenizer"]).vocabulary.size)
    else:
        source = HubConfig(**settings).open(hub_dir=None, output_dir=Path("unused"))
        documents = list(source.documents())
        print(len(documents), sorted(source.splits), documents[0].text)
        if "stream" in settings:
            print(sha256("".join(d.text for d in documents).encode()).hexdigest())
except ValueError as error:
    print(f"ValueError: {error}")
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """datasets/org/texts with two configurations of two splits."""
    folder = tmp_path / "hub" / "datasets" / "org" / "texts"
    names = ("first", "second")
    for name in names:
        (folder / name).mkdir(parents=True)
        for split, rows in (("train", 40), ("test", 10)):
            texts = [f"{name} {split} {i}" for i in range(rows)]
            file = folder / name / f"{split}-00000-of-00001.parquet"
            pd.DataFrame({"text": texts, "label": [i % 2 for i in range(rows)]}).to_parquet(file)
    configs = "".join(CONFIG.format(name=name) for name in names)
    (folder / "README.md").write_text(README.format(configs=configs))
    return tmp_path / "hub"


def ask(hub: HubServer | None, cache: Path, **settings: object) -> str:
    endpoint = hub.endpoint if hub else "http://127.0.0.1:9"  # port 9: nobody listens
    environment = {
        "PATH": os.environ["PATH"],
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(settings)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def test_a_configuration_with_two_splits_comes_over_the_wire(
    repository: Path, tmp_path: Path
) -> None:
    with HubServer(repository) as hub:
        answer = ask(hub, tmp_path / "cache", path="org/texts", name="second")
        assert answer == "50 ['test', 'train'] second train 0"
        fetched = [line for line in hub.log if line.startswith("GET") and ".parquet" in line]
        assert len(fetched) == 2
        assert all("/second/" in line for line in fetched)
        assert any("/api/datasets/org/texts" in line for line in hub.log)
    # The server is gone: the cache answers.
    assert ask(None, tmp_path / "cache", path="org/texts", name="second") == answer


def test_every_configuration_comes_one_after_the_other(repository: Path, tmp_path: Path) -> None:
    with HubServer(repository) as hub:
        answer = ask(hub, tmp_path / "cache", path="org/texts", name="all")
        assert answer == "100 ['test', 'train'] first train 0"


def test_a_stream_is_the_same_every_time_and_leaves_nothing_on_the_disk(
    repository: Path, tmp_path: Path
) -> None:
    folder = repository / "datasets" / "org" / "texts" / "first"
    draw = np.random.default_rng(0)
    for shard in range(4):
        texts = ["", *(draw.bytes(4000).hex() for _ in range(199))]
        file = folder / f"train-{shard:05d}-of-00004.parquet"
        pd.DataFrame({"text": texts, "label": [0] * len(texts)}).to_parquet(file)
    (folder / "train-00000-of-00001.parquet").unlink()
    size = sum(file.stat().st_size for file in folder.glob("*"))
    asked = {"path": "org/texts", "name": "first", "stream": True, "max_documents": 300}
    answers = []
    with HubServer(repository) as hub:
        for cache in ("one", "two"):
            answers.append(ask(hub, tmp_path / cache, **asked))
            left = [file for file in (tmp_path / cache).rglob("*") if file.is_file()]
            assert sum(file.stat().st_size for file in left) < size / 100
    assert answers[0] == answers[1]
    assert answers[0].startswith("310 ['test', 'train'] ")  # the test split has ten
    files = {line.rsplit("/", 1)[1] for line in hub.log if "GET" in line and "/train-" in line}
    assert len(files) > 1  # a sample of more than the first file
    assert "cannot be streamed" in ask(None, tmp_path / "one", **asked)


def test_a_stream_that_breaks_off_is_said(repository: Path, tmp_path: Path) -> None:
    with HubServer(repository) as hub:
        hub.fail = {"first/train": 404}
        answer = ask(
            hub, tmp_path / "cache", path="org/texts", name="first", stream=True, max_documents=9
        )
    assert answer.startswith("ValueError: ")
    assert "org/texts" in answer


def test_a_folder_in_the_hubs_place_is_streamed_too(repository: Path, tmp_path: Path) -> None:
    config = HubConfig(path="org/texts", name="first", stream=True, max_documents=7)
    source = config.open(hub_dir=repository / "datasets", output_dir=tmp_path)
    documents = list(source.documents())
    assert [d.split for d in documents] == ["train"] * 7 + ["test"] * 7
    assert [d.text for d in documents] != [f"first train {i}" for i in range(7)]
    assert list(source.documents()) == documents
    other = HubConfig(path="org/texts", name="second", stream=True, max_documents=7)
    again = other.open(hub_dir=repository / "datasets", output_dir=tmp_path)
    assert again.fingerprint != source.fingerprint
    assert next(iter(again.documents())).text.startswith("second")
    with pytest.raises(ValueError, match="stream needs max_documents"):
        HubConfig(path="org/texts", stream=True)


def test_a_tokenizer_comes_over_the_wire(repository: Path, tmp_path: Path) -> None:
    save_gpt2_like(repository / "models" / "org" / "words")
    with HubServer(repository) as hub:
        assert ask(hub, tmp_path / "cache", tokenizer="org/words") == str(400 + 105)
        assert any("GET" in line and "/words/resolve/" in line for line in hub.log)


def test_a_checkpoint_comes_over_the_wire(repository: Path, tmp_path: Path) -> None:
    save_checkpoint(repository / "models" / "org" / "small", "gpt2")
    (repository / "models" / "org" / "small" / "pytorch_model.bin").write_bytes(b"never asked for")
    with HubServer(repository) as hub:
        answer = ask(hub, tmp_path / "cache", model="org/small@main")
        assert answer == "gpt2 32 org/small@main"
        fetched = [line for line in hub.log if line.startswith("GET") and "/resolve/" in line]
        assert any("model.safetensors" in line for line in fetched)
        assert not any(".bin" in line for line in fetched)
    # The server is gone: the cache answers.
    assert ask(None, tmp_path / "cache", model="org/small@main") == answer


@pytest.mark.parametrize(
    ("fail", "settings", "message"),
    [
        ({}, {"path": "org/missing"}, "'org/missing' is not on the hub"),
        ({}, {"model": "org/none"}, "model.path: the model 'org/none' is not on the hub"),
        ({}, {"tokenizer": "org/none"}, "dataset.tokenizer: the model 'org/none' is not on"),
        ({}, {"path": "org/texts", "name": "third"}, "'third' not found"),
        ({}, {"path": "org/texts"}, "Config name is missing"),
        ({}, {"path": "org/texts", "name": "first", "text_column": "txt"}, "no column 'txt'; did"),
        ({"/api/datasets": 500}, {"path": "org/texts", "name": "first"}, "500 Internal Server"),
        ({"first/train": 404}, {"path": "org/texts", "name": "first"}, "cannot be loaded from"),
        ({"first/train": "truncate"}, {"path": "org/texts", "name": "first"}, "cannot be loaded"),
    ],
)
def test_what_goes_wrong_is_said(
    repository: Path,
    tmp_path: Path,
    fail: dict[str, int | str],
    settings: dict[str, str],
    message: str,
) -> None:
    with HubServer(repository) as hub:
        hub.fail = fail
        answer = ask(hub, tmp_path / "cache", **settings)
    assert answer.startswith("ValueError: ")
    assert message in answer


def test_without_a_network_the_answer_is_quick_and_says_what_to_do(tmp_path: Path) -> None:
    began = time.monotonic()
    answer = ask(None, tmp_path / "cache", path="org/texts")
    assert "does not answer" in answer
    assert "hub_dir=FOLDER" in answer
    assert time.monotonic() - began < 10  # a process and its imports included


def test_a_folder_takes_the_hubs_place(repository: Path, tmp_path: Path) -> None:
    loaded = load_hub_dataset(
        "org/texts", name="first", hub_dir=repository / "datasets", cache_dir=tmp_path / "cache"
    )
    assert loaded["train"][0]["text"] == "first train 0"
    with pytest.raises(ValueError, match="no folder org/text or text in it; it holds org"):
        load_hub_dataset("org/text", hub_dir=repository / "datasets", cache_dir=tmp_path / "cache")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train.csv": b"text,label\na,1\nb,c,1\n"}, "train.csv: .*Expected 2 fields in line 3"),
        ({"train.csv": "text\nna\u00efve\n".encode("latin-1")}, "train.csv: not UTF-8 text"),
        (
            {"train.jsonl": b'{"text": "a"}\n', "validation.jsonl": b'{"body": "a"}\n'},
            r".*1 new columns \({'body'}\)",
        ),
    ],
)
def test_what_the_library_cannot_read_is_told_once(
    files: dict[str, bytes], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hub" / "mine").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "hub" / "mine" / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"mine cannot be loaded: {message}"):
        load_hub_dataset("mine", hub_dir=tmp_path / "hub", cache_dir=tmp_path / "cache")
    assert capfd.readouterr().err == ""


def test_changed_bytes_are_never_served_stale(tmp_path: Path) -> None:
    """`datasets` takes equal size and time stamp for unchanged."""
    folder = tmp_path / "hub" / "texts"
    folder.mkdir(parents=True)
    file = folder / "train.txt"
    found = []
    for text in ("aaaa\n", "bbbb\n"):
        file.write_text(text)
        os.utime(file, (1_000_000, 1_000_000))
        loaded = load_hub_dataset("texts", hub_dir=tmp_path / "hub", cache_dir=tmp_path / "cache")
        found.append(loaded["train"][0]["text"])
    assert found == ["aaaa", "bbbb"]


def test_wikitext_and_labels_from_a_local_copy(hub_dir: Path, tmp_path: Path) -> None:
    config = HubConfig(path="Salesforce/wikitext", name="wikitext-2-raw-v1", folder="wikitext2")
    source = config.open(hub_dir=hub_dir, output_dir=tmp_path)
    texts = [document.text for document in source.documents() if document.text.strip()]
    assert source.splits == {"train", "validation", "test"}
    assert texts[0].strip() == "= Valkyria Chronicles III ="
    labelled = HubConfig(path="ag_news", label_column="label")
    labels = {d.label for d in labelled.open(hub_dir=hub_dir, output_dir=tmp_path).documents()}
    assert len(labels) == 4


def hub_source(
    folder: Path, features: dict[str, Any], columns: dict[str, Any], **settings: Any
) -> Any:
    """A data set whose two splits are alike, opened."""
    (folder / "hub" / "made").mkdir(parents=True)
    for split in ("train", "test"):
        rows = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
        rows.to_parquet(folder / "hub" / "made" / f"{split}.parquet")
    config = HubConfig(path="x/made", **settings)
    return config.open(hub_dir=folder / "hub", output_dir=folder / "out")


STRING = datasets.Value("string")


def test_quotation_marks_of_a_tsv_are_letters(tmp_path: Path) -> None:
    (tmp_path / "hub" / "made").mkdir(parents=True)
    texts = ['"A quote begins', "and", 'ends" here', *(f"text {i}" for i in range(17))]
    lines = "".join(f"{text}\t1\n" for text in texts)
    (tmp_path / "hub" / "made" / "train.tsv").write_text(f"text\tlabel\n{lines}")
    source = HubConfig(path="x/made").open(hub_dir=tmp_path / "hub", output_dir=tmp_path / "out")
    assert [document.text for document in source.documents()] == texts


def test_a_configuration_that_a_folder_has_not_is_named(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no configuration 'third'; it has first, second"):
        load_hub_dataset(
            "org/texts", name="third", hub_dir=repository / "datasets", cache_dir=tmp_path / "cache"
        )


def test_a_table_whose_rows_have_more_fields_than_the_header_is_refused(tmp_path: Path) -> None:
    """`datasets` reads it by pandas, which takes the first fields for names of rows."""
    (tmp_path / "hub" / "made").mkdir(parents=True)
    rows = "".join(f"a text, {i},label\n" for i in range(20))
    (tmp_path / "hub" / "made" / "train.csv").write_text(f"text,label\n{rows}")
    with pytest.raises(ValueError, match="split train: a row has more fields than the header"):
        HubConfig(path="x/made").open(hub_dir=tmp_path / "hub", output_dir=tmp_path / "out")


@pytest.mark.parametrize(
    ("feature", "cells", "held"),
    [
        (datasets.List(STRING), [["one", "two"], ["three"]], "List"),
        (datasets.List({"role": STRING}), [[{"role": "user"}], []], "List"),
        (datasets.Value("int64"), [1, 2], "int64"),
        (datasets.ClassLabel(names=["a", "b"]), [0, 1], "ClassLabel"),
        (datasets.Translation(languages=["de", "en"]), [{"de": "x", "en": "y"}] * 2, "Translation"),
    ],
)
def test_a_column_that_holds_no_texts_is_refused(
    tmp_path: Path, feature: Any, cells: list[Any], held: str
) -> None:
    with pytest.raises(ValueError, match=rf"x/made, split train: the column 'text' holds {held}"):
        hub_source(tmp_path, {"text": feature}, {"text": cells})


def test_what_is_missing_in_a_hub_table_is_no_text_group_or_label(tmp_path: Path) -> None:
    features = {"text": STRING, "by": STRING, "kind": datasets.ClassLabel(names=["no", "yes"])}
    columns = {
        "text": ["one\r\ntwo", None, "three", "four"],
        "by": ["me", "me", None, None],
        "kind": [1, 0, None, -1],
    }
    source = hub_source(tmp_path, features, columns, group_column="by", label_column="kind")
    found = [(d.text, d.group, d.label) for d in source.documents() if d.split == "train"]
    assert found == [
        ("one\ntwo", "me", "yes"),
        ("", "me", "no"),
        ("three", "three", ""),
        ("four", "four", ""),
    ]


def test_numbers_are_labels_and_lists_are_not(tmp_path: Path) -> None:
    features = {"text": STRING, "stars": datasets.Value("float64"), "tags": datasets.List(STRING)}
    columns = {"text": ["a", "b"], "stars": [4.0, float("nan")], "tags": [["x"], ["y"]]}
    source = hub_source(tmp_path / "a", features, columns, label_column="stars")
    assert [d.label for d in source.documents()][:2] == ["4", ""]
    with pytest.raises(ValueError, match="split train, row 0, column 'tags' holds a list"):
        hub_source(tmp_path / "b", features, columns, label_column="tags")
