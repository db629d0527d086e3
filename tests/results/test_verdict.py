from pathlib import Path
from typing import Any

import pytest
from made_records import add_anchors, add_run, answers

from results.comparison import Stratum, strata
from results.record import RunRecord
from results.rows import StoredRun
from results.store import ResultStore
from results.verdict import verdict


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def only(store: ResultStore, records: list[RunRecord]) -> Stratum:
    (stratum,) = strata([StoredRun(record, store) for record in records])
    return stratum


def sweep(
    store: ResultStore,
    shares: dict[str, float],
    *,
    seeds: int = 1,
    untrained: float = 0.3,
    words: float = 0.2,
    nats: float = 5.0,
    **more: Any,
) -> Stratum:
    """Models with their shares of right answers, the untrained one, words, and a unigram of 5.9."""
    records = []
    for seed in range(seeds):
        jitter = seed / 200
        records += [
            add_run(store, n, answers(s + jitter), seed=seed, nats={n: nats}, **more)
            for n, s in shares.items()
        ]
        start = answers(untrained + jitter)
        kept = {"clm": 6.3, "simcse": 4.2}
        records.append(add_run(store, "untrained", start, seed=seed, kind="untrained", nats=kept))
    return only(store, [*records, add_anchors(store, words=answers(words))])


def test_one_seed_is_ahead_and_never_wins(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.6, "simcse": 0.4}))
    assert "**clm** is ahead on task: accuracy, pairs" in text.summary
    assert "another seed may turn" in text.summary
    assert "seed=0,1,2" in text.summary
    whole = " ".join([text.summary, *text.details])
    assert "wins" not in whole
    assert "resolved" not in whole


def test_several_seeds_can_win(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.6, "simcse": 0.4}, seeds=3))
    assert "**clm** wins task: accuracy, pairs" in text.summary
    assert "0.200 (" in text.details[0]
    assert "above simcse" in text.details[0]


def test_who_is_not_above_the_untrained_model_does_not_win(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.6, "simcse": 0.4}, seeds=3, untrained=0.7))
    assert "wins" not in text.summary
    assert (
        "**clm** is highest on task: accuracy, pairs, but not above the untrained" in text.summary
    )
    assert "made some model worse on 1" in text.summary
    assert "clm and simcse below the untrained model" in text.details[0]


def test_equal_models_are_not_ahead(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.6, "simcse": 0.6}))
    assert "ahead" not in text.summary
    assert "No objective leads" in text.summary


def test_where_nothing_was_learned_more_seeds_are_not_the_advice(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.3, "simcse": 0.3}, words=0.9, nats=6.5))
    assert text.summary.startswith("Nothing was learned yet")
    assert "simple word statistics beat every model on 1 of 1" in text.summary
    assert "larger budget" in text.summary
    assert "`seed=" not in text.summary


def test_a_tie_with_words_is_not_a_defeat(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.5, "simcse": 0.5}, words=0.505))
    assert "simple word statistics" not in text.summary


def test_unlike_likelihoods_are_said(store: ResultStore) -> None:
    records = [
        add_run(store, "clm", answers(0.6), note="causal"),
        add_run(store, "mlm", answers(0.4), note="pseudo"),
    ]
    details = " ".join(verdict(only(store, records)).details)
    assert "sets unlike quantities side by side: clm by the total log-probability" in details
    assert "mlm by the pseudo-log-likelihood" in details


def test_a_sweep_of_a_setting_speaks_of_settings(store: ResultStore) -> None:
    records = [
        add_run(store, "mlm", answers(share), mlm_probability=rate)
        for rate, share in ((0.15, 0.4), (0.3, 0.4))
    ]
    text = verdict(only(store, records)).summary
    assert "Only mlm was trained, at several mlm_probability" in text
    assert "no setting leads" in text


def test_one_model_is_not_ranked(store: ResultStore) -> None:
    text = verdict(only(store, [add_run(store, "clm", answers(0.6))])).summary
    assert "Only **clm** was trained here" in text


def test_a_failed_sweep_says_so(store: ResultStore) -> None:
    record = add_run(store, "clm", answers(0.6), status="failed")
    assert "No run finished" in verdict(only(store, [record])).summary
