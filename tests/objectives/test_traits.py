import math
from dataclasses import dataclass, replace
from typing import Any

import pytest
from conftest import make_batch
from objective_files import OBJECTIVE_FILES, load_objective

from models.registry import find
from objectives.base import Traits
from objectives.clm import CLM
from objectives.first_character import CLASSES
from objectives.mlm import MLM
from objectives.prepared import Prepared
from objectives.trainable import OBJECTIVES
from runners.checks import MOMENTS, VOCABULARY, leaves_of


def prepare(name: str) -> list[tuple[Any, Prepared]]:
    """Every leaf of an objective at both ends of a training, with what it makes of a batch."""
    objective, batch = load_objective(name), make_batch([12, 9, 12, 5, 8, 10])
    leaves = [leaf for moment in MOMENTS for leaf in leaves_of(objective, batch, moment)]
    return [(leaf.objective, leaf.prepared) for leaf in leaves]


@pytest.mark.parametrize(
    "change",
    [
        {"family": ""},
        {"family": " "},
        {"unit": None},
        {"quantity": ""},
        {"supervises": 3},
        {"attention": "prefix"},
        {"attention": "left"},
        {"measured_attention": "left"},
        {"likelihood": "exact"},
        {"pooling": "max"},
        {"views": "pair"},
        {"additive": "no"},
        {"sentinels": "some"},
        {"test_heads": "lm"},
        {"passes": 0},
    ],
)
def test_traits_that_cannot_be_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"trait {next(iter(change))}"):
        replace(MLM.TRAITS, **change)


@pytest.mark.parametrize("name", OBJECTIVE_FILES)
def test_what_has_targets_that_are_no_text_says_so(name: str) -> None:
    """An end says where a row was cut, once a row; all else would make the loss another one."""
    for objective, prepared in prepare(name):
        if "lm" in objective.traits.test_heads:
            targets = prepared.targets[prepared.targets != VOCABULARY.sep_id]
            found = bool(VOCABULARY.is_special[targets].any())
            assert found == objective.traits.sentinels
            assert load_objective(name).traits.sentinels >= found


def test_a_plugin_hears_of_its_traits(tmp_path: Any) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from objectives.base import Traits\n"
        "TRAITS = Traits(family='SD', attention='both', unit='row', supervises='rows')\n"
    )
    with pytest.raises(ValueError, match=r"mine\.py cannot be loaded: .*trait attention is 'both'"):
        find(OBJECTIVES, "mine", [file])


def test_an_objective_without_traits_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Bare(CLM):
        TRAITS = None  # type: ignore[assignment]

    with pytest.raises(ValueError, match="Bare states no traits"):
        Bare(name="bare", learning_rate=1.0, rows_per_update=2)


def test_traits_that_follow_from_settings_are_checked_with_them() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Counting(CLM):
        counted: str = ""

        @property
        def traits(self) -> Traits:
            return replace(self.TRAITS, quantity=self.counted)

    with pytest.raises(ValueError, match="mine: the trait quantity"):
        Counting(name="mine", learning_rate=1.0, rows_per_update=2)


def test_a_family_of_its_own_is_accepted() -> None:
    assert replace(MLM.TRAITS, family="SD").family == "SD"


def test_what_is_summed_is_said() -> None:
    assert load_objective("clm").traits.quantity == "nats"
    rtd = load_objective("rtd", discriminator_weight=10.0)
    assert rtd.traits.quantity == "nats, generator + 10 x discriminator"
    ending = {"schedule": "linear", "start": 50, "end": 20}
    assert "20 x" in load_objective("rtd", discriminator_weight=ending).traits.quantity
    assert load_objective("mlm_simcse").traits.quantity == "nats"


def test_chance_is_an_even_guess_among_what_there_is() -> None:
    expected = {
        "simcse": math.log(6),
        "clip": math.log(6),
        "declutr": math.log(6),
        "first_character": math.log(CLASSES),
        "rtd": None,
        "mlm": None,
    }
    for name, chance in expected.items():
        ((objective, prepared), _) = prepare(name)
        assert objective.chance(prepared) == chance
