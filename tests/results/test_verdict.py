from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import add_baselines, add_run, answers, without_figure
from verdicts import Verdict, verdict

from results.comparison import Stratum, strata
from results.record import Metric, RunRecord, Value
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
    assert "**clm** is highest on task: accuracy, pairs, but worse than the" in text.summary
    assert "made some model worse on 1" in text.summary
    assert "clm and simcse below the untrained model" in text.details[0]


def test_equal_models_are_not_ahead(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.6, "simcse": 0.6}))
    assert "ahead" not in text.summary
    assert "No objective leads" in text.summary


def test_where_nothing_was_learned_more_seeds_are_not_the_advice(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.3, "simcse": 0.3}, words=0.9, nats=6.5))
    assert text.summary.startswith("Nothing is shown to have been learned yet")
    assert "a simple method beats every model on 1 of 1 figure that has one (words)" in text.summary
    assert "larger budget" in text.summary
    assert "`seed=" not in text.summary


def test_where_a_smaller_model_suits_the_budget_it_is_the_advice(store: ResultStore) -> None:
    training = {"matrix_weights": 400, "better_model": {"name": "modern_tiny", "weights": 100}}
    shares = {"clm": 0.3, "simcse": 0.3}
    text = verdict(sweep(store, shares, words=0.9, nats=6.5, training=training))
    assert "or a smaller model (`model=modern_tiny`), since nothing" in text.summary


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
    assert "shown to have been learned" not in text.summary


def test_where_all_are_on_the_plateau_nothing_was_learned(store: ResultStore) -> None:
    text = on_plateau(store, {"clm": 5.7, "mlm": 5.8})
    hardly = "Hardly anything is shown to have been learned yet: "
    assert text.summary.startswith(f"{hardly}clm and mlm have not left the plateau")
    assert "better at" not in text.summary
    assert "no model is ranked; clm has 0.605, the highest" in text.details[0]
    assert (
        "clm and mlm have not left the plateau: clm 5.70 nats of 5.90 and mlm 5.80 nats of 6.00 "
        "under word frequencies; they are not ranked"
    ) in text.details


def test_a_tie_with_words_is_not_a_defeat(store: ResultStore) -> None:
    text = verdict(sweep(store, {"clm": 0.5, "simcse": 0.5}, words=0.505))
    assert "a simple method" not in text.summary


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


def three_seeds(
    store: ResultStore, shares: dict[str, float], kind: str = "run", **more: Any
) -> list[RunRecord]:
    """A record a seed of each, apart by 0.005."""
    return [
        add_run(store, name, answers(share + seed / 200), seed=seed, kind=kind, **more)
        for name, share in shares.items()
        for seed in range(3)
    ]


LOWER = {"probe task": (Metric("accuracy", "error", better="lower"),)}


def test_where_lower_is_better_the_lowest_wins(store: ResultStore) -> None:
    records = [
        *three_seeds(store, {"clm": 0.2, "mlm": 0.4}, metrics=LOWER),
        *three_seeds(store, {"untrained": 0.3}, kind="untrained", metrics=LOWER),
        add_baselines(store, words=answers(0.1), bad=answers(0.9)),
    ]
    text = verdict(only(store, records))
    assert "**clm** wins task: error (lower is better)" in text.summary
    assert "raining helped some model on 1 of 1 probe figures and made some model worse on 1" in (
        text.summary
    )
    assert "a simple method beats every model on 1 of 1 figure that has one (words)" in text.summary
    assert text.details[0].startswith("task: error (lower is better): **clm** 0.206, 0.199 (")
    assert (
        ") below mlm; clm below, mlm above the untrained model; clm and mlm above words"
        in (text.details[0])
    )


def test_where_lower_is_better_the_words_say_lowest(store: ResultStore) -> None:
    records = [
        *three_seeds(store, {"clm": 0.2, "mlm": 0.4}, metrics=LOWER),
        *three_seeds(store, {"untrained": 0.1}, kind="untrained", metrics=LOWER),
    ]
    text = verdict(only(store, records)).summary
    assert (
        "**clm** is lowest on task: error (lower is better), but worse than the untrained" in text
    )


def test_seeds_are_counted_where_the_figure_is(store: ResultStore) -> None:
    """One of clm's has none; simcse has one seed and no figure at all."""
    records = three_seeds(store, {"clm": 0.6, "mlm": 0.5})
    records[2] = without_figure(records[2], "fine-tuning diverged")
    text = verdict(only(store, records))
    assert "on the 2 seeds that all ranked models share" in text.details[-1]
    assert "above mlm, on the seeds of both (0, 1)" in text.details[0]
    records = three_seeds(store, {"clm": 0.6, "mlm": 0.4})
    lacking = without_figure(add_run(store, "simcse", answers(0.5)), "no token likelihood")
    text = verdict(only(store, [*records, lacking]))
    assert "**clm** wins" in text.summary
    assert "on the 3 seeds that all ranked models share" in text.details[-1]
    assert "win" not in text.details[-1]


def test_a_lead_on_one_seed_among_several_is_not_called_a_win(store: ResultStore) -> None:
    records = three_seeds(store, {"clm": 0.6, "mlm": 0.4})
    more = add_run(store, "rtd", answers(0.2))
    how_sure = verdict(only(store, [*records, more])).details[-1]
    assert "on the 1 to 3 seeds that two ranked models share, by figure" in how_sure
    assert "a lead on one seed is not called a win" in how_sure
    apart = add_run(store, "rtd", answers(0.2), seed=7)
    how_sure = verdict(only(store, [*records, apart])).details[-1]
    assert "on the 3 seeds that two ranked models share" in how_sure
    assert "those that share no seed are not ranked against each other" in how_sure


def test_what_is_open_is_not_said_to_be_nothing(store: ResultStore) -> None:
    """Own losses 13 % better than word frequencies at two unlike seeds, scores above the start."""
    records = [
        add_run(store, name, answers(share), seed=seed, nats={name: own})
        for seed, own in enumerate((4.7, 5.5))
        for name, share in (("clm", 0.55), ("mlm", 0.54))
    ]
    records += [
        add_run(store, "untrained", np.roll(answers(0.52), 40), seed=seed, kind="untrained")
        for seed in (0, 1)
    ]
    text = verdict(only(store, [*records, add_baselines(store, words=answers(0.2))]))
    assert text.summary.startswith(
        "Nothing is shown to have been learned yet: clm and mlm are not shown to be better at "
        "their own tasks than word frequencies are and training is not shown to have helped any "
        "model on the one probe figure."
    )
    assert "but not shown to be better than the untrained model" in text.summary
    assert "helped no model" not in text.summary


def test_what_correction_takes_is_said(store: ResultStore) -> None:
    """Of two models one is better than its start by its own interval; of two p no longer."""
    count = 200
    start = answers(0.5, count)
    better = start.copy()
    better[100:107], better[0:1] = 1.0, 0.0
    records = [
        add_run(store, "clm", better),
        add_run(store, "mlm", np.roll(start, 60)),
        add_run(store, "untrained", start, kind="untrained"),
    ]
    stratum = only(store, records)
    (contrast,) = [
        stratum.contrast(row, stratum.untrained[0], "probe task", "accuracy")
        for row in stratum.models
        if row.label == "clm"
    ]
    assert contrast is not None
    assert 0.025 < contrast.p < 0.05
    text = verdict(stratum)
    assert "helped any model on the one probe figure (1 before correction)" in text.summary
    assert (
        "nobody told apart from the untrained model, before correction clm above it"
        in (text.details[0])
    )
    assert "what is said of floors is corrected over all models and figures" in text.details[-1]


def test_all_on_the_plateau_may_have_gained(store: ResultStore) -> None:
    records = [
        *three_seeds(store, {"clm": 0.6}, nats={"clm": 5.7}),
        *three_seeds(store, {"mlm": 0.6}, nats={"mlm": 5.8}),
        *three_seeds(store, {"untrained": 0.3}, kind="untrained"),
        add_baselines(store, words=answers(0.2)),
    ]
    text = verdict(only(store, records)).summary
    assert text.startswith("Models clm and mlm have not left the plateau and training helped some")
    assert "more seeds take no model off the plateau" in text


def test_last_words_have_their_own_sentence(store: ResultStore) -> None:
    settings = {"probes": {"task": {"kind": "last_word"}}}
    records = [
        add_run(store, "clm", answers(0.6), note="causal", settings=settings),
        add_run(store, "mlm", answers(0.4), note="pseudo", settings=settings),
    ]
    details = " ".join(verdict(only(store, records)).details)
    assert "mlm by the log-probability of the word's tokens, all masked at once" in details
    assert "It says which model foretells the last word better" in details
    assert "sentence" not in details
    assert "each token masked once" not in details


def test_simple_methods_are_named_and_counted_where_they_are(store: ResultStore) -> None:
    """A second figure has no simple method."""
    more = (Value("probe other", "accuracy", 0.5),)
    records = [
        add_run(store, name, answers(share), more_values=more)
        for name, share in (("clm", 0.3), ("mlm", 0.2))
    ]
    scores = {"linear chain": answers(0.95), "nearest pictures' words": answers(0.9)}
    text = verdict(only(store, [*records, add_baselines(store, **scores)])).summary
    assert "simple method beats every model on 1 of 1 figure that has one (linear chain)" in text
    assert "word statistics" not in text


def test_who_is_highest_is_so_in_the_table(store: ResultStore) -> None:
    """On shared seeds mlm is above clm, over all of their seeds below."""
    records = [
        add_run(store, "clm", answers(share), seed=seed)
        for seed, share in enumerate((0.6, 0.6, 0.6, 0.9, 0.9))
    ]
    records += [add_run(store, "mlm", answers(0.7), seed=seed) for seed in range(3)]
    text = verdict(only(store, records))
    assert "mlm is highest" not in " ".join([text.summary, *text.details])
    assert "open; clm has 0.720, no better than others on shared seeds" in text.details[0]


def test_the_highest_of_those_ranked_is_so_in_the_summary_too(store: ResultStore) -> None:
    records = [
        *three_seeds(store, {"mlm": 0.9}, nats={"mlm": 5.9}),
        *three_seeds(store, {"clm": 0.6}, nats={"clm": 5.0}),
        *three_seeds(store, {"simcse": 0.4}, nats={"simcse": 1.0}),
        *three_seeds(store, {"untrained": 0.95}, kind="untrained"),
        add_baselines(store, words=answers(0.2)),
    ]
    text = verdict(only(store, records)).summary
    assert "**clm** is highest of those ranked on task: accuracy, pairs, but worse than" in text


def test_who_shares_no_seed_is_not_called_no_better(store: ResultStore) -> None:
    records = [
        add_run(store, "clm", answers(0.8), seed=0),
        add_run(store, "mlm", answers(0.5), seed=1),
    ]
    details = verdict(only(store, records)).details
    assert "open; clm has 0.800, and shares no seed with another that is ranked" in details[0]
    assert "How sure: some models share no seed, and those are not ranked" in details[-1]
