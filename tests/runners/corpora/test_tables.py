import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runners.corpora.tables import read_table

COLUMNS = ["text", "label"]


def read(file: Path, content: str, *, texts: tuple[str, ...] = ("text",)) -> list[tuple[str, ...]]:
    file.write_text(content, encoding="utf-8")
    return [tuple(row.values()) for row in read_table(file, COLUMNS, texts=texts)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "text,label\na,1\none, two,1\n", "line 3 has 3 fields, the header has 2; put"),
        ("t.csv", "text,label\n\na\n", "line 3 has 1 fields, the header has 2"),
        ("t.tsv", "text\tlabel\na\t1\t\n", "line 2 has 3 fields, the header has 2"),
        ("t.tsv", "text\tlabel\na\t1\nb\n", "line 3 has 1 fields"),
        ("t.csv", 'text,label\na,1\n"b,1\nc,1\n', "line 3: a double quote opens a field there"),
        ("t.csv", 'text,label\n"b",1\n"c" he said,1\n', "line 3: a double quote opens a field"),
        ("t.csv", "text,label,text\na,1,b\n", "has 2 columns 'text'; rename"),
        ("t.tsv", "text\tlabel\ttext\n", "has 2 columns 'text'; rename"),
        ("t.csv", "", "has no column 'text'; it is empty"),
        ("t.csv", "text;label\na;1\n", r"semicolons separate its columns \(text;label\), and comm"),
        (
            "t.csv",
            "text\tlabel\n",
            r"t\.csv: tabs separate .*; name it t\.tsv, or save it",
        ),
        (
            "t.tsv",
            "text,label\n",
            r"t\.tsv: commas separate .*; name it t\.csv, or save it",
        ),
        ("t.csv", "sep=,\ntext,label\na,1\n", "begins with a line `sep=`, .* delete it"),
        ("t.jsonl", '\n{"text": "a", "label": 1' + "0" * 5000 + "}", "line 2 holds a whole number"),
        ("t.jsonl", r'{"\u0074ext": "a", "label": 1, "text": "b"}', "line 1 has 2 columns 'text'"),
        ("t.tsv", "", "has no column 'text'; it is empty"),
        ("t.jsonl", '{"text": "a", "label": 1, "text": "b"}', "line 1 has 2 columns 'text'"),
        (
            "t.jsonl",
            '\n{"text": 7, "label": 1}',
            r"line 2, column 'text' holds a number \(7\), not",
        ),
        (
            "t.jsonl",
            '{"text": ["a"], "label": 1}',
            "line 1, column 'text' holds a list, not a text",
        ),
        ("t.jsonl", '{"text": {"a": 1}, "label": 1}', "column 'text' holds an object"),
        ("t.jsonl", '{"text": true, "label": 1}', r"column 'text' holds a value \(True\)"),
        ("t.jsonl", '{"text": "a", "label": [1]}', "column 'label' holds a list, not one value"),
    ],
)
def test_rows_and_cells_that_are_not_right_are_named(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path / name, content)
    assert name in str(caught.value)


def test_utf16_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("text,label\na,1\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"t\.csv looks like UTF-16; save it as UTF-8"):
        list(read_table(tmp_path / "t.csv", COLUMNS))


def test_a_key_is_counted_in_its_own_object(tmp_path: Path) -> None:
    line = '{"text": "a", "meta": {"text": 1, "label": 1}, "label": 2}'
    assert read(tmp_path / "t.jsonl", line) == [("a", "2")]


def test_a_quoted_tsv_may_begin_with_a_blank_line(tmp_path: Path) -> None:
    assert read(tmp_path / "t.tsv", '\ntext\tlabel\n"a\tb"\t1\n') == [("a\tb", "1")]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.CSV"])
def test_blank_lines_are_no_rows(tmp_path: Path, name: str) -> None:
    tab = "\t" if name == "t.tsv" else ","
    content = f"\r\n \r\ntext{tab}label\r\na{tab}1\r\n\r\nb{tab}\r\n\r\n \r\n"
    assert read(tmp_path / name, content) == [("a", "1"), ("b", "")]


def test_a_quote_in_a_tsv_is_a_character(tmp_path: Path) -> None:
    """GLUE and Tatoeba: two quotes that open and close nothing would swallow what is between."""
    rows = [('"Loud, he said', "1"), ("calm", "0"), ('quiet"', "1"), ('a "b" c', "0"), ("end", "1")]
    content = "text\tlabel\n" + "".join("\t".join(row) + "\n" for row in rows)
    assert read(tmp_path / "t.tsv", content) == rows
    swallowed = 'text\tlabel\n"Loud\t1\nno label here\nquiet"\t1\n'  # a row of two fields, in CSV
    with pytest.raises(ValueError, match="line 3 has 1 fields"):
        read(tmp_path / "t.tsv", swallowed)


def test_a_quoted_tsv_is_unquoted(tmp_path: Path) -> None:
    rows = [("two\nlines\tand a tab", "1"), ('a "quoted" word', "0"), ("plain", "")]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    assert read(tmp_path / "t.tsv", frame.to_csv(sep="\t", index=False)) == rows
    assert read(tmp_path / "t.tsv", frame[1:].to_csv(sep="\t", index=False)) == rows[1:]
    assert read(tmp_path / "t.csv", frame.to_csv(index=False)) == rows


def test_what_is_missing_is_empty_and_numbers_are_labels(tmp_path: Path) -> None:
    rows = [
        '{"text": "a", "label": NaN}',
        '{"text": null, "label": 1}',
        '{"text": NaN, "label": 1}',
    ]
    rows += [
        '{"text": "b", "label": 1.0}',
        '{"text": "c", "label": 0.5}',
        '{"text": "d", "label": false}',
    ]
    found = read(tmp_path / "t.jsonl", "\n".join(rows))
    assert found == [("a", ""), ("", "1"), ("", "1"), ("b", "1"), ("c", "0.5"), ("d", "False")]
    frame = pd.DataFrame({"text": ["a", None, "c"], "label": [1, 0, None]})
    frame.to_parquet(tmp_path / "t.parquet")
    parquet = [tuple(row.values()) for row in read_table(tmp_path / "t.parquet", COLUMNS)]
    assert parquet == [("a", "1"), ("", "0"), ("c", "")]


def test_parquet_cells_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    for values, message in (
        ([[["a"]], [["b"]]], "holds a list"),
        ([[b"a"], [b"b"]], "holds bytes"),
        ([[1.5], [2.5]], r"holds a number \(1.5\)"),
    ):
        pq.write_table(pa.table({"text": [row[0] for row in values], "label": ["x", "y"]}), file)
        with pytest.raises(ValueError, match=rf"t\.parquet, row 1, column 'text' {message}"):
            list(read_table(file, COLUMNS, texts=["text"]))
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"]), file)
    with pytest.raises(ValueError, match="has 2 columns 'text'"):
        list(read_table(file, ["text"]))


def test_texts_enter_with_one_kind_of_line_end_and_no_half_emoji(tmp_path: Path) -> None:
    line = json.dumps({"text": "one\r\n\r\ntwo\rthree \ud83d", "label": "\ude00"})
    assert "\\ud83d" in line
    whole = json.dumps({"text": "\N{GRINNING FACE}", "label": "x"})
    found = read(tmp_path / "t.ndjson", f"{line}\n{whole}")
    assert found == [("one\n\ntwo\nthree \ufffd", "\ufffd"), ("\N{GRINNING FACE}", "x")]
