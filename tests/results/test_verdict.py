from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import add_baselines, add_run, answers
from verdicts import Verdict, verdict

from results.comparison import Stratum, strata
from results.record import RunRecord
from results.rows import StoredRun
from results.store import ResultStore


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
    return only(store, [*records, add_baselines(store, words=answers(words))])


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


def test_where_a_smaller_model_suits_the_budget_it_is_the_advice(store: ResultStore) -> None:
    training = {"matrix_weights": 400, "better_model": {"name": "modern_tiny", "weights": 100}}
    shares = {"clm": 0.3, "simcse": 0.3}
    text = verdict(sweep(store, shares, words=0.9, nats=6.5, training=training))
    assert "or a smaller model (`model=modern_tiny`); more seeds" in text.summary


def test_who_learned_is_said_of_one_and_of_several(store: ResultStore) -> None:
    summary = on_plateau(store, {"clm": 5.0, "simcse": 1.0}).summary
    assert summary.startswith("Model clm is better at its own task than word frequencies are")
    summary = on_plateau(store, {"clm": 5.0, "mlm": 5.1}).summary
    assert summary.startswith(
        "Models clm and mlm are better at their own tasks than word frequencies are"
    )


def test_the_highest_is_that_of_those_ranked(store: ResultStore) -> None:
    scores = {"mlm": answers(0.7), "clm": answers(0.6), "simcse": np.roll(answers(0.59), 100)}
    nats = {"mlm": 5.99, "clm": 5.0, "simcse": 1.0}
    records = [add_run(store, n, own, nats={n: nats[n]}) for n, own in scores.items()]
    text = verdict(only(store, [*records, add_baselines(store, words=answers(0.2))]))
    assert "open; clm is highest of those ranked, 0.010" in text.details[0]


def on_plateau(store: ResultStore, nats: dict[str, float], best: float = 0.6) -> Verdict:
    """Models with these losses of 5.9 nats under word frequencies, of mlm 6.0; scores fall."""
    records = [
        add_run(store, name, answers(best - place / 10 + seed / 200), seed=seed, nats={name: own})
        for place, (name, own) in enumerate(nats.items())
        for seed in range(3)
    ]
    return verdict(only(store, [*records, add_baselines(store, words=answers(0.2))]))


def test_who_has_not_left_the_plateau_is_not_ranked(store: ResultStore) -> None:
    text = on_plateau(store, {"mlm": 5.8, "clm": 5.0, "simcse": 1.0})
    assert "**clm** wins task: accuracy, pairs" in text.summary
    assert text.details[0].startswith("task: accuracy, pairs: **clm**")
    assert "simcse" in text.details[0]
    line = (
        "mlm has not left the plateau: 5.80 nats of 6.00 under word frequencies; it is not ranked"
    )
    assert line in text.details


def test_one_that_left_the_plateau_is_above_nobody(store: ResultStore) -> None:
    text = on_plateau(store, {"clm": 5.0, "mlm": 5.8})
    assert "Nothing is ranked, since mlm has not left the plateau" in text.summary
    assert "Next: a larger budget" in text.summary
    assert "clm has 0.605, and no other model is ranked" in text.details[0]
    assert "Nothing was learned yet" not in text.summary


def test_where_all_are_on_the_plateau_nothing_was_learned(store: ResultStore) -> None:
    text = on_plateau(store, {"clm": 5.7, "mlm": 5.8})
    assert text.summary.startswith("Nothing was learned yet: clm and mlm have not left the plateau")
    assert "better at" not in text.summary
    assert "no model is ranked; clm has 0.605, the highest" in text.details[0]
    assert (
        "clm and mlm have not left the plateau: clm 5.70 nats of 5.90 and mlm 5.80 nats of 6.00 "
        "under word frequencies; they are not ranked"
    ) in text.details


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
