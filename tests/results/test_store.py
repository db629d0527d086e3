import json
from pathlib import Path

import pytest
from made_records import add_run, answers

from results.record import RunRecord
from results.report import write_report
from results.store import ResultStore


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def test_what_goes_in_comes_out(store: ResultStore) -> None:
    record = add_run(store, "clm", answers(0.5), nats={"clm": 5.0})
    assert store.get(record.name) == record
    assert store.records() == ([record], {})
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
    assert [r.name for r in store.records()[0]] == [record.name]


@pytest.mark.parametrize("content", ["{", '{"schema": 2}', '{"schema": 1}', "[]"])
def test_an_unreadable_record_is_named_and_the_others_are_read(
    store: ResultStore, content: str
) -> None:
    record, other = (add_run(store, name, answers(0.5)) for name in ("clm", "mlm"))
    file = store.folder / record.name / "record.json"
    file.write_text(content)
    found, unreadable = store.records()
    assert [each.name for each in found] == [other.name]
    assert str(file) in unreadable[record.name]
    assert store.finished(record.name) is None  # so that it is made again
    assert add_run(store, "clm", answers(0.9)).values[0].value == 0.9


@pytest.mark.parametrize("name", ["curve.jsonl", "examples.parquet"])
def test_a_damaged_file_is_named(store: ResultStore, name: str) -> None:
    record = add_run(store, "clm", answers(0.5))
    file = store.folder / record.name / name
    for damage in (lambda: file.write_text('{"step": 1, "lo'), file.unlink):
        damage()
        with pytest.raises(ValueError, match=f"{record.name}/{name} is missing or damaged"):
            store.curve(record.name) if name == "curve.jsonl" else store.examples(record.name)


def test_who_adds_a_record_sees_what_others_read(store: ResultStore) -> None:
    """Tuples are lists on disk: were the fresh record kept, one setting would be two models."""
    record = add_run(store, "clm", answers(0.5), betas=(0.9, 0.98))
    assert record.config["objective"]["betas"] == [0.9, 0.98]
    assert record == store.get(record.name)


def test_records_are_plain_json(store: ResultStore) -> None:
    record = add_run(store, "clm", answers(0.5))
    assert RunRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize(
    ("part", "key"), [("training", "phases"), ("training", "ledger"), ("corpus", "tokens")]
)
def test_a_record_that_lacks_a_part_takes_no_other_with_it(
    tmp_path: Path, part: str, key: str
) -> None:
    store = ResultStore(tmp_path)
    whole, broken = (add_run(store, name, answers(0.5)) for name in ("clm", "mlm"))
    file = store.folder / broken.name / "record.json"
    content = json.loads(file.read_text())
    del content[part][key]
    file.write_text(json.dumps(content))
    records, unreadable = store.records()
    assert records == [whole]
    assert "is not a readable record" in unreadable[broken.name]
    report = write_report(
        [(whole, store)], tmp_path / "reports", command="x", unreadable=unreadable
    )
    assert f"left out: {broken.name}" in report.read_text()
