import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from runners.corpora.document import Document
from runners.corpora.local import LocalConfig

TEXTS = [
    "First line,\nwith two lines.",
    'A "quoted" | piped text.',
    "Ünïcödé\u2028 and a separator.",
]


def read(**settings: object) -> list[Document]:
    source = LocalConfig(**settings).open(hub_dir=None, output_dir=Path("outputs"))  # type: ignore[arg-type]
    return list(source.documents())


def write_csv(path: Path) -> Path:
    pd.DataFrame({"id": [1, 2, 3], "text": TEXTS, "book": list("xyx")}).to_csv(path, index=False)
    return path


def write_tsv(path: Path) -> Path:
    frame = pd.DataFrame({"id": [1, 2, 3], "text": TEXTS, "book": list("xyx")})
    frame.to_csv(path, index=False, sep="\t")
    return path


def write_jsonl(path: Path) -> Path:
    rows = [{"text": t, "book": b} for t, b in zip(TEXTS, "xyx", strict=True)]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n")
    return path


def write_parquet(path: Path) -> Path:
    pd.DataFrame({"text": TEXTS, "book": list("xyx")}).to_parquet(path)
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    ".csv": write_csv,
    ".tsv": write_tsv,
    ".jsonl": write_jsonl,
    ".parquet": write_parquet,
}


def test_a_class_is_one_however_it_was_written(tmp_path: Path) -> None:
    kinds = ("1", 1.0, "x ", "x")
    rows = [{"text": t, "kind": kind} for t, kind in zip("abcd", kinds, strict=True)]
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [d.label for d in read(path=str(file), label_column="kind")] == ["1", "1", "x", "x"]


def test_settings_of_tables_are_none_of_texts_and_of_texts_none_of_tables(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("one\n\ntwo\n")
    with pytest.raises(ValueError, match=r"label_column is a setting of tables, and .*t.txt holds"):
        read(path=str(tmp_path / "t.txt"), label_column="kind")
    table = str(write_csv(tmp_path / "t.csv"))
    with pytest.raises(ValueError, match=r"dataset\.unit is a setting of .txt files"):
        read(path=table, unit="file")
    with pytest.raises(ValueError, match="pair_columns names text, text; they must be different"):
        read(path=table, pair_columns=("text", "text"))
    both = read(path=str(tmp_path), group_column="book", unit="file")
    assert len(both) == 4


@pytest.mark.parametrize("suffix", WRITERS)
def test_tables_give_their_texts_unchanged(tmp_path: Path, suffix: str) -> None:
    file = WRITERS[suffix](tmp_path / f"t{suffix}")
    found = read(path=str(file), group_column="book", label_column="book")
    assert [document.text for document in found] == TEXTS
    assert [document.group for document in found] == list("xyx")
    assert [document.label for document in found] == list("xyx")


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_column_that_is_not_there_is_named(tmp_path: Path, suffix: str) -> None:
    file = WRITERS[suffix](tmp_path / f"t{suffix}")
    with pytest.raises(ValueError, match="no column 'txt'; did you mean 'text'"):
        read(path=str(file), text_column="txt")


def test_text_files_by_paragraph_line_and_file(tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n\r\n \nthree\n\n\n")
    texts = {
        unit: [d.text for d in read(path=str(file), unit=unit)]
        for unit in ("paragraph", "line", "file")
    }
    assert texts["paragraph"] == ["one\ntwo", "three"]
    assert texts["line"] == ["one", "two", "three"]
    assert texts["file"] == ["one\ntwo\n\n \nthree\n\n\n"]


def test_a_folder_with_named_splits(tmp_path: Path) -> None:
    for name in ("train-0", "val", "test", "training_notes"):
        (tmp_path / f"{name}.txt").write_text(name)
    (tmp_path / "image.png").write_bytes(b"\0")
    found = {document.text: document.split for document in read(path=str(tmp_path))}
    assert found == {"train-0": "train", "val": "validation", "test": "test", "training_notes": ""}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", b"good\n\xff\xfe bad", "not UTF-8 text"),
        ("t.txt", b"a\0b", "binary"),
        ("t.jsonl", b'{"text": "a"}\nnot json\n', "line 2 is not JSON"),
        ("t.jsonl", b"[1]\n", "not a JSON object"),
        ("t.parquet", b"not parquet", "not a readable Parquet"),
        ("t.docx", b"x", "holds no .txt"),
    ],
)
def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read(path=str(tmp_path / name))
    assert name in str(caught.value)


def test_a_missing_path_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file or folder"):
        read(path=str(tmp_path / "none.txt"))
    with pytest.raises(ValueError, match="holds no"):
        read(path=str(tmp_path))


def test_the_fingerprint_follows_bytes_not_time_stamps(tmp_path: Path) -> None:
    import os

    file = tmp_path / "t.txt"
    file.write_text("aaaa")
    config = LocalConfig(path=str(file))
    before = config.open(hub_dir=None, output_dir=Path("outputs")).fingerprint
    stamp = file.stat()
    file.write_text("bbbb")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert config.open(hub_dir=None, output_dir=Path("outputs")).fingerprint != before
