import pytest
import torch
from conftest import VOCABULARY, make_batch, only
from objective_files import load_objective

from models.config import BackboneConfig
from objectives.base import Moment, build_model
from objectives.prepared import IGNORE_INDEX
from objectives.randomness import RowRandom
from objectives.schedule import Schedule
from runners.checks import leaves_of


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"schedule": "constant", "start": 0.2}, [0.2, 0.2, 0.2]),
        ({"schedule": "linear", "start": 0.3, "end": 0.1}, [0.3, 0.2, 0.1]),
        ({"schedule": "cosine", "start": 0.0, "end": 1.0}, [0.0, 0.5, 1.0]),
        ({"schedule": "steps", "values": (3.0, 2.0, 1.0), "at": (0.5, 0.9)}, [3.0, 2.0, 1.0]),
    ],
)
def test_values_over_the_budget(settings: dict[str, object], values: list[float]) -> None:
    schedule = Schedule(**settings)  # type: ignore[arg-type]
    assert [schedule.value(p) for p in (0.0, 0.5, 1.0)] == pytest.approx(values)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "liner", "start": 1.0}, "known"),
        ({"schedule": "linear", "start": 1.0}, "start and end"),
        ({"schedule": "steps", "values": (1.0,), "at": (0.5,)}, "one value more"),
        ({"schedule": "steps", "values": (1.0, 2.0, 3.0), "at": (0.8, 0.5)}, "ascending"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(**settings)  # type: ignore[arg-type]


def test_any_number_of_any_objective_can_follow_one() -> None:
    falling = {"schedule": "linear", "start": 0.6, "end": 0.1}
    objective = load_objective("mlm", mlm_probability=falling, learning_rate=falling)
    batch = make_batch([60] * 200)
    rates = []
    for progress in (0.0, 0.5, 1.0):
        prepared = only(
            objective.prepare(
                batch,
                vocabulary=VOCABULARY,
                draw=RowRandom(0, batch.row_ids),
                moment=Moment(progress=progress),
            )
        )
        assert prepared.labels is not None
        rates.append(float((prepared.labels != IGNORE_INDEX).sum()) / (60 * 200))
    assert rates == pytest.approx([0.6, 0.35, 0.1], abs=0.015)
    assert [objective.phase(p).learning_rate for p in (0.0, 1.0)] == pytest.approx([0.6, 0.1])


def test_a_number_of_the_loss_follows_one_too(config: BackboneConfig) -> None:
    settings = {"schedule": "linear", "start": 0.05, "end": 1.0}
    objective = load_objective("simcse", temperature=settings)
    model = build_model(objective, config, VOCABULARY.size, seed=0).train()
    batch, losses = make_batch([9, 12, 7]), []
    for progress in (0.0, 1.0):
        prepared = only(
            objective.prepare(
                batch,
                vocabulary=VOCABULARY,
                draw=RowRandom(0, batch.row_ids),
                moment=Moment(progress=progress),
            )
        )
        torch.manual_seed(0)
        losses.append(model(objective, prepared).terms[0].values)
        plain = load_objective("simcse", temperature=0.05 if progress == 0 else 1.0)
        torch.manual_seed(0)
        torch.testing.assert_close(losses[-1], model(plain, prepared).terms[0].values)
    assert not torch.allclose(losses[0], losses[1])


def test_its_values_are_checked_before_anything_trains() -> None:
    with pytest.raises(ValueError, match=r"mlm_probability is 1\.2"):
        load_objective("mlm", mlm_probability={"schedule": "linear", "start": 0.3, "end": 1.2})
    with pytest.raises(ValueError, match="cannot follow a schedule"):
        load_objective("mlm", unit={"schedule": "constant", "start": 1.0})


def test_a_learned_temperature_follows_none() -> None:
    with pytest.raises(ValueError, match="temperature of clip cannot follow a schedule"):
        load_objective("clip", temperature={"schedule": "linear", "start": 0.05, "end": 1.0})


def test_the_weights_of_a_sum_follow_one(config: BackboneConfig) -> None:
    fading = {"schedule": "linear", "start": 1.0, "end": 0.0}
    objective = load_objective("mlm_simcse", weights={"mlm": fading, "simcse": 0.5})
    batch = make_batch([9, 12, 7])
    for progress, expected in ((0.0, {"mlm": 1.0}), (0.5, {"mlm": 0.5}), (1.0, {})):
        leaves = leaves_of(objective, batch, Moment(progress=progress))
        weights = {leaf.objective.name: leaf.weight for leaf in leaves}
        assert weights == {**expected, "simcse": 0.5}  # a term of weight 0 is not computed
    with pytest.raises(ValueError, match=r"weights of mlm_simcse are .*; none may be negative"):
        load_objective("mlm_simcse", weights={"mlm": {**fading, "end": -1.0}, "simcse": 0.5})
    with pytest.raises(ValueError, match=r"ratio\.clm of gpt_bert cannot follow a schedule"):
        load_objective("gpt_bert", ratio={"clm": fading, "mntp": 1.0})
