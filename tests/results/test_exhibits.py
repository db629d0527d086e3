import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from made_records import add_run, answers, rewrite

from results.record import Metric, RunRecord, Value
from results.report import write_report
from results.store import ResultStore

DOT = base64.b64encode(b"first picture").decode()
OTHER = base64.b64encode(b"second picture").decode()
EXHIBIT = {
    "image": DOT,
    "text": "a | pipe <script>",
    "image_to_text_rank": 2.0,
    "text_to_image_rank": 1.0,
    "texts": ["wrong one", "a | pipe <script>"],
    "images": [DOT, OTHER],
}


def page(store: ResultStore, records: list[RunRecord], folder: Path) -> Path:
    return write_report([(r, store) for r in records], folder / "reports", command="compare run x")


def test_pictures_stand_in_the_report(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    record = add_run(store, "clip", answers(0.5))
    file = store.folder / record.name / "exhibits.json"
    rewrite(file, json.dumps({"probe image_retrieval": [EXHIBIT]}))
    report = page(store, [record], tmp_path)
    text = report.read_text()
    assert "clip, image_retrieval, seed 0" in text
    (line,) = [row for row in text.splitlines() if "wrong one<br>" in row]
    assert line.count("](pictures/") == 3
    assert r"**a \| pipe &lt;script>**" in line
    assert "<script>" not in text
    names = {path.read_bytes() for path in (report.parent / "pictures").glob("*.png")}
    assert names == {b"first picture", b"second picture"}


def test_without_exhibits_nothing_is_said(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    text = page(store, [add_run(store, "clm", answers(0.5))], tmp_path).read_text()
    assert "Test pictures" not in text


def test_parts_of_a_test_set_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    more = tuple(
        Value("probe pictures", f"text_to_image_recall_at_1{part}", value)
        for part, value in (("", 0.4), (" of flags", 0.1), (" of food", 0.8))
    )
    metrics = {"probe pictures": (Metric("text_to_image_recall_at_1", "text to image, recall@1"),)}
    record = add_run(store, "clip", answers(0.5), more_values=more, metrics=metrics)
    text = page(store, [record], tmp_path)
    probes = text.read_text().split("## Probes")[1]
    whole, parts = probes.split("By part of the test set: pictures: text to image, recall@1")
    assert "| pictures: text to image, recall@1 |" in whole
    assert "flags" not in whole
    assert "| model | flags | food |" in parts
    assert "| clip | 0.100 | 0.800 |" in parts


def test_exhibits_are_part_of_the_record(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    record = add_run(store, "clm", np.ones(3), status="failed")
    again = replace(record, name="again")
    store.add(again, curve=[], examples=pd.DataFrame(), exhibits={"probe x": [EXHIBIT]})
    assert store.exhibits(again.name) == {"probe x": [EXHIBIT]}
    assert store.exhibits(record.name) == {}
