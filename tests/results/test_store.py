import json
from pathlib import Path

import pytest
from made_records import add_run, answers

from results.record import RunRecord
from results.store import ResultStore, tidy


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def test_what_goes_in_comes_out(store: ResultStore) -> None:
    record = add_run(store, "clm", answers(0.5), nats={"clm": 5.0})
    assert store.get(record.name) == record
    assert store.records() == [record]
    assert store.examples(record.name)["value"].mean() == 0.5
    assert store.curve(record.name)["loss"].iloc[-1] == 4.0


def test_a_finished_record_is_never_replaced_and_a_failed_one_is(store: ResultStore) -> None:
    failed = add_run(store, "clm", answers(0.1), status="failed")
    finished = add_run(store, "clm", answers(0.5))
    assert failed.name == finished.name
    add_run(store, "clm", answers(0.9))
    assert store.get(finished.name) == finished
    assert store.examples(finished.name)["value"].mean() == 0.5


def test_a_half_written_record_is_not_seen(store: ResultStore) -> None:
    record = add_run(store, "clm", answers(0.5))
    work = store.folder / ".writing-abc"
    work.mkdir()
    (work / "record.json").write_text("{")
    assert [r.name for r in store.records()] == [record.name]


@pytest.mark.parametrize("content", ["{", '{"schema": 1}', '{"schema": 99}', "[]"])
def test_an_unreadable_record_is_named(store: ResultStore, content: str) -> None:
    record = add_run(store, "clm", answers(0.5))
    file = store.folder / record.name / "record.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=record.name):
        store.records()


def test_tidy_has_a_row_a_value(store: ResultStore) -> None:
    records = [add_run(store, n, answers(0.5), nats={"clm": 5.0}) for n in ("clm", "simcse")]
    frame = tidy(records)
    assert len(frame) == 4
    assert {
        "run",
        "model",
        "objective",
        "dataset",
        "seed",
        "step",
        "measure",
        "metric",
        "value",
    } <= set(frame.columns)


def test_records_are_plain_json(store: ResultStore) -> None:
    record = add_run(store, "clm", answers(0.5))
    assert RunRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
