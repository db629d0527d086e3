from pathlib import Path

from made_records import add_run, answers

from results.store import ResultStore
from results.tidy import tidy


def test_tidy_has_a_row_a_value(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    frame = tidy([add_run(store, n, answers(0.5), nats={"clm": 5.0}) for n in ("clm", "simcse")])
    assert len(frame) == 4
    assert set(frame["budget"]) == {"1e+12 flops"}
    named = {"run", "model", "objective", "dataset", "seed", "step", "measure", "metric", "value"}
    assert named <= set(frame.columns)
    assert not [name for name in frame.columns if "." in name]


def test_settings_of_a_probe_have_a_column_where_runs_differ(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    frame = tidy(
        [
            add_run(
                store,
                "mlm",
                answers(0.5),
                nats={"mlm": 5.0},
                seed=seed,
                settings={"probes": {"task": {"train_per_class": count}, "other": {"a": seed}}},
            )
            for seed, count in enumerate((20, 400))
        ]
    )
    own = frame.set_index(["measure", "seed"])["measure.train_per_class"]
    assert (own["probe task", 0], own["probe task", 1]) == (20, 400)
    assert own["loss mlm"].isna().all()
    assert "measure.a" not in frame.columns


def test_what_was_swept_has_a_column(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    records = [
        add_run(store, "mlm", answers(0.5), mlm_probability=0.15),
        add_run(store, "mlm", answers(0.5), mlm_probability=0.4),
        add_run(store, "clm", answers(0.5), settings={"trainer": {"weight_decay": 0.3}}),
    ]
    frame = tidy(records)
    swept = [name for name in frame.columns if "." in name]
    assert swept == ["objective.mlm_probability", "trainer.weight_decay"]
    assert list(frame["objective.mlm_probability"])[:2] == [0.15, 0.4]
    assert list(frame["trainer.weight_decay"]) == [0.01, 0.01, 0.3]
