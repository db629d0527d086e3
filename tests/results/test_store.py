import json
from collections.abc import Callable
from pathlib import Path

import pytest
from damages import DAMAGES, deleted
from made_records import add_run, answers, rewrite

from results.integrity import MANIFEST
from results.record import RunRecord
from results.report import write_report
from results.store import ResultStore

FILES = ("record.json", "curve.jsonl", "examples.parquet", "exhibits.json", MANIFEST)


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


@pytest.mark.parametrize(
    ("name", "damage"),
    [(n, d) for n in FILES for d in DAMAGES if (n, d) != (MANIFEST, deleted)],
)
def test_a_damaged_record_is_not_believed_and_is_made_again(
    tmp_path: Path, store: ResultStore, name: str, damage: Callable[[Path], object]
) -> None:
    """Exhibits are read for the eye alone: without them the run is shown, and it is made again."""
    exhibits = {"probe task": [{"texts": ["one", "two"]}]}
    record, other = (
        add_run(store, each, answers(0.5), exhibits=exhibits) for each in ("clm", "mlm")
    )
    damage(store.folder / record.name / name)
    records, unreadable = store.records()
    report = write_report(
        [(each, store) for each in records], tmp_path, command="x", unreadable=unreadable
    )
    said = [line for line in report.read_text().splitlines() if line.startswith("- left out:")]
    if name == "exhibits.json":
        with pytest.raises(ValueError, match=r"exhibits.json is missing or damaged"):
            store.exhibits(record.name)
    else:
        assert len(said) == 1
        assert f"{record.name}" in said[0]
        assert "damaged" in said[0]
    assert store.finished(other.name) == other
    assert store.finished(record.name) is None
    assert add_run(store, "clm", answers(0.5), exhibits=exhibits) == record
    assert store.finished(record.name) == record
    assert store.exhibits(record.name) == exhibits


def test_a_record_of_a_version_without_checksums_is_read(store: ResultStore) -> None:
    record = add_run(store, "clm", answers(0.5))
    (store.folder / record.name / MANIFEST).unlink()
    assert store.records() == ([record], {})
    assert store.finished(record.name) == record
    assert len(store.examples(record.name)) == 400


def test_a_record_speaks_of_the_folder_that_it_lies_in(store: ResultStore) -> None:
    """A name within a file is no way out of the folder of runs."""
    record = add_run(store, "clm", answers(0.5))
    file = store.folder / record.name / "record.json"
    rewrite(file, json.dumps({**record.to_json(), "name": "../../secret"}))
    assert "another run, ../../secret" in store.records()[1][record.name]


def test_a_link_in_the_place_of_a_record_is_replaced_and_not_followed(
    tmp_path: Path, store: ResultStore
) -> None:
    record = add_run(store, "clm", answers(0.5), status="failed")
    elsewhere = tmp_path / "elsewhere"
    (store.folder / record.name).rename(elsewhere)
    before = sorted(file.read_bytes() for file in elsewhere.iterdir())
    (store.folder / record.name).symlink_to(elsewhere)
    assert add_run(store, "clm", answers(0.5)).status == "finished"
    assert not (store.folder / record.name).is_symlink()
    assert sorted(file.read_bytes() for file in elsewhere.iterdir()) == before


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
    rewrite(file, json.dumps(content))
    records, unreadable = store.records()
    assert records == [whole]
    assert "is not a readable record" in unreadable[broken.name]
    report = write_report(
        [(whole, store)], tmp_path / "reports", command="x", unreadable=unreadable
    )
    assert f"left out: {broken.name}" in report.read_text()
