from pathlib import Path

from results.record import Metric, RunRecord, Value
from results.report import write_report
from results.store import ResultStore
from tests.made_records import add_run, answers


def page(store: ResultStore, records: list[RunRecord], folder: Path) -> str:
    found = [(record, store) for record in records]
    return write_report(found, folder / "reports", command="compare run x").read_text()


FIGURES = (Metric("mrr"), Metric("recall_at_1"))


def offered(*scores: float) -> dict[str, float]:
    names = ("layer 1 of 1, mean", "layer 1 of 1, cls, centred", "layer 0 of 1, mean")
    return dict(zip(names, scores, strict=True))


def test_every_option_is_shown_and_what_was_chosen(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    records = [
        add_run(
            store,
            objective,
            answers(0.6),
            seed=seed,
            metrics={"probe pairs": FIGURES},
            more_values=tuple(
                Value("probe pairs", metric.name, 0.5, options=options) for metric in FIGURES
            ),
        )
        for objective, seed, options in (
            ("clm", 0, offered(0.25, 0.5, 0.5)),  # of equals the first
            ("clm", 1, offered(0.75, 0.5, 0.25)),
            ("mlm", 0, offered(0.125, 0.25, 0.5)),
        )
    ]
    text = page(store, records, tmp_path).partition("## Appendix")[2]
    assert [line for line in text.splitlines() if line.startswith("| ")] == [
        "| read from | clm | mlm |",
        "| layer 1 of 1, mean | **0.500 (1 of 2)** | 0.125 |",
        "| layer 1 of 1, cls, centred | **0.500 (1 of 2)** | 0.250 |",
        "| layer 0 of 1, mean | 0.375 | **0.500 (1 of 1)** |",
    ]


def test_where_nothing_was_chosen_there_is_no_appendix(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    assert "Appendix" not in page(store, [add_run(store, "clm", answers(0.6))], tmp_path)
