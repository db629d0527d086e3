import math
from collections import Counter
from dataclasses import replace
from functools import partialmethod
from typing import Any

import pytest
from conftest import make_batch
from objective_files import load_objective

from models.batch import Batch
from models.config import BackboneConfig
from models.initialization import weights_hash
from objectives.alternate import Alternate, turns
from objectives.sequence import InSequence
from objectives.trainable import Leaf, Moment, Trainable
from runners.checks import leaves_of, made_update, model_of
from runners.training.trainer import TrainerConfig, learning_rate_factor
from runners.training.update import UpdateStep


def batch_at(step: int) -> Batch:
    return make_batch([12, 9, 20, 5] * 2, seed=step)


def prepare(objective: Trainable, moment: Moment) -> tuple[Leaf, ...]:
    return leaves_of(objective, batch_at(moment.step), moment)


def trained(objective: Trainable, trainer: TrainerConfig) -> str:
    """The backbone's weights after some updates, with dropout."""
    model = model_of(objective)
    step = UpdateStep(model, objective, trainer, seed=0, tokens=1000)
    for number in range(4):
        progress = number / 4
        phase = objective.phase(progress)
        rate = phase.learning_rate * learning_rate_factor(phase.progress, trainer, phase.warmup)
        moment = Moment(number, progress)
        step(made_update(objective, batch_at(number), trainer, moment), rate)
    return weights_hash(model.backbone)


@pytest.mark.parametrize(
    ("fusion", "changes", "alone"),
    [
        ("clm_mlm", {"weights": {"clm": 1, "mlm": 0}, "learning_rate": 2e-3}, "clm"),
        ("clm_mlm", {"weights": {"clm": 0, "mlm": 1}}, "mlm"),
        ("mlm_simcse", {"weights": {"mlm": 0, "simcse": 1}, "learning_rate": 3e-4}, "simcse"),
        ("clm_then_mlm", {"shares": {"clm": 1, "mlm": 0}}, "clm"),
        ("mlm_then_simcse", {"shares": {"mlm": 1, "simcse": 0}}, "mlm"),
        ("gpt_bert", {"ratio": {"clm": 1, "mntp": 0}, "learning_rate": 2e-3}, "clm"),
    ],
)
def test_a_fusion_of_one_is_that_one_bit_for_bit(
    trainer: TrainerConfig,
    fusion: str,
    changes: dict[str, object],
    alone: str,
) -> None:
    fused = trained(load_objective(fusion, **changes), trainer)
    assert fused == trained(load_objective(alone), trainer)
    assert fused != trained(load_objective(fusion), trainer)


@pytest.mark.parametrize("name", ["clm_mlm", "mlm_simcse", "gpt_bert", "mlm_then_simcse"])
def test_training_enters_the_losses_that_the_tests_of_its_terms_test(
    name: str, trainer: TrainerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else that could be called a loss: what is fused has none of its own."""
    fusion, entered = load_objective(name), Counter[str]()
    for column in fusion.columns:
        for part in ("corrupt", "loss", "counts", "forward_flops"):

            def spied(self: Any, *given: Any, own: Any, place: str, **named: Any) -> Any:
                entered[place] += 1
                return own(self, *given, **named)

            kind, place = type(column), f"{column.name} {part}"
            spy = partialmethod(spied, own=getattr(kind, part), place=place)
            monkeypatch.setattr(kind, part, spy)
    trained(fusion, trainer)
    parts = ("corrupt", "loss", "counts")
    assert all(entered[f"{each.name} {part}"] for each in fusion.columns for part in parts)
    assert not {"loss", "counts", "corrupt", "forward_flops"} & set(dir(type(fusion)))


@pytest.mark.parametrize(
    ("ratio", "period"),
    [([1, 1], [0, 1]), ([1, 7], [1] * 7 + [0]), ([15, 1], [0] * 15 + [1]), ([0.3, 0.7], [0] * 10)],
)
def test_turns_hit_the_ratio_exactly(ratio: list[float], period: list[int]) -> None:
    length, total = len(period), sum(ratio)
    for start in (0, 3, 1000):
        counts = Counter(turns(ratio, start, 5 * length))
        for term, share in enumerate(ratio):
            assert counts[term] == pytest.approx(5 * length * share / total)
    for stop in range(1, 3 * length):  # and never strays by a whole turn
        counts = Counter(turns(ratio, 0, stop))
        for term, share in enumerate(ratio):
            assert abs(counts[term] - stop * share / total) < 1


def test_a_small_share_has_its_turns_and_one_too_small_for_any_is_refused() -> None:
    assert Counter(turns([0.0004, 0.9996], 0, 10_000))[0] == 4
    with pytest.raises(ValueError, match=r"ratio of gpt_bert .* after 1,000,000,001 turns"):
        load_objective("gpt_bert", ratio={"clm": 1e-9, "mntp": 1})
    for wrong in (math.nan, math.inf):
        with pytest.raises(ValueError, match="their sum must be a number above 0"):
            load_objective("gpt_bert", ratio={"clm": wrong, "mntp": 1})


def test_usual_ratios_have_the_turns_that_they_had() -> None:
    found = {
        (1.0, 1.0): [0, 1],
        (1.0, 3.0): [1, 0, 1, 1],
        (0.3, 0.7): [1, 0, 1, 1, 0, 1, 1, 1, 0, 1],
        (0.333, 0.667, 1.0): turns([333, 667, 1000], 0, 2000),
    }
    for ratio, expected in found.items():
        assert turns(list(ratio), 0, len(expected)) == expected


def test_rows_are_dealt_out_by_the_ratio() -> None:
    objective = load_objective("gpt_bert", ratio={"clm": 1, "mntp": 3})
    rows: Counter[str] = Counter()
    for step in range(4):
        leaves = prepare(objective, Moment(step))
        ids = [row for leaf in leaves for row in leaf.prepared.inputs.row_ids.tolist()]
        assert sorted(ids) == list(range(8))
        for leaf in leaves:
            rows[leaf.objective.name] += leaf.prepared.rows
            assert leaf.weight == leaf.prepared.rows / 8
    assert rows == {"clm": 8, "mntp": 24}


def test_updates_alternate_by_batch() -> None:
    objective = load_objective("gpt_bert", ratio={"clm": 1, "mntp": 2}, by="batch")
    names = [prepare(objective, Moment(step))[0].objective.name for step in range(6)]
    assert Counter(names) == {"clm": 2, "mntp": 4}


def test_phases_have_their_own_optimization() -> None:
    objective = load_objective("mlm_then_simcse", warmup=0.2)
    first, second = objective.phases
    assert (first.learning_rate, first.rows_per_update, first.fresh_optimizer) == (1e-3, 8, False)
    assert (second.learning_rate, second.rows_per_update, second.fresh_optimizer) == (
        3e-4,
        64,
        True,
    )
    assert first.warmup == second.warmup == 0.2
    assert (first.share, second.share) == (0.75, 0.25)
    middle = objective.phase(0.875)
    assert (middle.index, middle.progress) == (1, pytest.approx(0.5))
    assert objective.phase(1.0).progress == 1.0
    assert [column.name for column in objective.columns] == ["mlm", "simcse"]


def test_the_last_of_a_sequence_says_how_it_is_probed() -> None:
    assert load_objective("clm_then_mlm").traits.attention == "bidirectional"
    assert load_objective("mlm_then_clm").traits.attention == "causal"
    assert load_objective("mlm_then_clm").traits.likelihood == "causal"
    assert load_objective("gpt_bert", attention="causal").traits.likelihood == "causal"
    assert load_objective("gpt_bert").traits.likelihood == "pseudo_next"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("clm_mlm", {"attention": None}, "under which the model is probed"),
        ("clm_mlm", {"attention": "sideways"}, "causal or bidirectional"),
        ("clm_mlm", {"weights": {"clm": -1, "mlm": 2}}, "none may be negative"),
        ("clm_mlm", {"weights": {"clm": 0, "mlm": 0}}, "above 0"),
        ("clm_mlm", {"weights": {"clm": 1}}, "its terms are clm, mlm"),
        ("gpt_bert", {"ratio": {"clm": -1, "mntp": 1}}, "none may be negative"),
        ("gpt_bert", {"by": "token"}, "known: batch, row"),
        ("mlm_then_clm", {"shares": {"mlm": 0, "clm": 0}}, "above 0"),
        ("mlm_then_clm", {"warmup": 2}, "warmup is 2"),
    ],
)
def test_what_cannot_be_is_refused(name: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_objective(name, **changes)


def test_single_rows_are_not_dealt_to_a_contrastive_term() -> None:
    terms = load_objective("mlm_simcse").columns
    with pytest.raises(ValueError, match="by=batch"):
        Alternate(
            name="x",
            learning_rate=1e-3,
            rows_per_update=8,
            terms={term.name: term for term in terms},
            ratio={"mlm": 1, "simcse": 1},
            by="row",
        )


def test_forced_batches_reach_every_phase() -> None:
    forced = load_objective("mlm_then_simcse").with_rows(16)
    assert [phase.rows_per_update for phase in forced.phases] == [16, 16]


def test_fusions_nest(trainer: TrainerConfig) -> None:
    inner = load_objective("clm_mlm")
    outer = InSequence(
        name="nested",
        terms={"both": inner, "simcse": load_objective("simcse")},
        shares={"both": 1, "simcse": 1},
    )
    assert [column.name for column in outer.columns] == ["clm", "mlm", "simcse"]
    leaves = prepare(outer, Moment())
    assert [leaf.objective.name for leaf in leaves] == ["clm", "mlm"]
    assert [leaf.name for leaf in leaves] == ["both: clm: ", "both: mlm: "]
    assert [leaf.weight for leaf in leaves] == [0.5, 0.5]
    assert trained(outer, trainer) == trained(outer, trainer)


@pytest.mark.parametrize(
    ("name", "change", "trained"),
    [
        ("mlm_simcse", {"weights": {"mlm": 1.0, "simcse": 0.0}}, ["mlm"]),
        ("gpt_bert", {"ratio": {"clm": 0.0, "mntp": 1.0}}, ["mntp"]),
        ("mlm_then_simcse", {"shares": {"mlm": 1.0, "simcse": 0.0}}, ["mlm"]),
    ],
)
def test_a_term_that_is_left_out_is_not_trained_on(
    name: str, change: dict[str, Any], trained: list[str], config: BackboneConfig
) -> None:
    """Nor does it have a head, a column of its own, or a claim on the corpus or the dropout."""
    fusion = load_objective(name, **change)
    assert [column.name for column in fusion.columns] == trained
    alone = load_objective(trained[0])
    assert list(fusion.build_heads(config, 99)) == list(alone.build_heads(config, 99))
    assert (fusion.traits.additive, fusion.traits.noisy) == (True, False)
    assert fusion.traits.supervises.startswith(f"{trained[0]}: ")
    fusion.check(replace(config, dropout=0.0, attention_dropout=0.0), 64)


def test_a_term_whose_weight_rises_from_0_is_trained_on() -> None:
    rising = {"schedule": "linear", "start": 0.0, "end": 0.1}
    fusion = load_objective("mlm_simcse", weights={"mlm": 1.0, "simcse": rising})
    assert [column.name for column in fusion.columns] == ["mlm", "simcse"]
