"""The hub path against a server of our own that speaks its protocol, with a cold cache.

The libraries read HF_ENDPOINT when they are imported, so each case is a process of its own.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

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


def test_a_configuration_that_a_folder_has_not_is_named(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no configuration 'third'; it has first, second"):
        load_hub_dataset(
            "org/texts", name="third", hub_dir=repository / "datasets", cache_dir=tmp_path / "cache"
        )
