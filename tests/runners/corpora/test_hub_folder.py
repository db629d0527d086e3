"""Tables in a folder that takes the hub's place: what is read of them, and what is refused."""

import os
from pathlib import Path
from typing import Any

import datasets
import pytest

from runners.corpora.hub import HubConfig
from runners.corpora.loading import load_hub_dataset


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
