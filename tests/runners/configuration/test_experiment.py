import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from experiments import NANO, experiment
from objective_files import OBJECTIVE_FILES, load_objective

from runners.configuration.experiment import identity
from runners.configuration.read import objective
from runners.corpora.pydocs import PydocsConfig
from runners.plain import plain
from runners.probes.classification import ClassificationProbe
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.trainer import TrainerConfig

BARLOW = Path(__file__).parents[2] / "plugins" / "barlow_twins.py"
PLUGIN = """
from dataclasses import dataclass
from objectives.clm import CLM

@dataclass(frozen=True, kw_only=True)
class Mine(CLM):
    \"\"\"Version {version}.\"\"\"
"""


def from_plugin(folder: Path, version: int, **changes: Any) -> Any:
    file = folder / f"version{version}" / "mine.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(PLUGIN.format(version=version))
    own = {"kind": "mine", "name": "renamed", "learning_rate": 1e-3, "rows_per_update": 8}
    return objective({**own, **changes}, [file], "objective")


@pytest.mark.parametrize("name", OBJECTIVE_FILES)
def test_a_configuration_equals_what_json_gives_back(
    name: str, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    config = experiment(
        name,
        small_pydocs,
        tmp_path,
        model=replace(NANO, max_length=256),
        columns=tuple(load_objective(n) for n in OBJECTIVE_FILES),
        probes=(ClassificationProbe(name="task", path="x.csv", modes=("frozen",)),),
    )
    content = identity(config)
    assert json.loads(json.dumps(content)) == content


def test_schedules_and_odd_values_are_plain() -> None:
    schedule = {"schedule": "steps", "values": [0.3, 0.15], "at": [0.5]}
    content = plain(load_objective("mlm", mlm_probability=schedule))
    assert json.loads(json.dumps(content)) == content
    odd = {1: (2, {"b", "a"}), "path": Path("x"), "more": [None, True]}
    assert plain(odd) == {"1": [2, ["a", "b"]], "path": "x", "more": [None, True]}


def test_a_plugin_is_told_by_its_content_wherever_it_stands(tmp_path: Path) -> None:
    def fused(version: int) -> dict[str, Any]:
        term = from_plugin(tmp_path, version, name="mine")
        whole = load_objective("clm_mlm")
        return plain(replace(whole, terms={**whole.terms, "clm": term}))  # type: ignore[call-arg]

    for tell in (lambda version: plain(from_plugin(tmp_path, version)), fused):
        first, again, other = tell(1), tell(1), tell(2)
        assert first == again != other
    assert fused(1)["terms"]["clm"]["kind"] == "mine"
    assert fused(1)["terms"]["mlm"]["kind"] == "mlm"
    assert "plugin" in fused(1)["terms"]["clm"]
    assert "plugin" not in fused(1)["terms"]["mlm"]
    assert "plugin" not in plain(load_objective("clm"))


def test_a_plugin_that_is_not_used_is_no_part_of_a_run(
    small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    plain_run = experiment("clm", small_pydocs, tmp_path)
    beside = replace(plain_run, plugins={"mine": "0" * 64})
    assert identity(beside) == identity(plain_run)


def micro(rows: int) -> TrainerConfig:
    return AdamWConfig(device="cpu", dtype="float32", threads=2, micro_batch_rows=rows)


def barlow(rows: int) -> Any:
    values = {"name": "barlow_twins", "learning_rate": 1e-3, "rows_per_update": rows}
    return objective(values, [BARLOW], "objective")


def test_a_loss_that_needs_its_whole_batch_refuses_micro_batches(
    small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    own = barlow(16)
    summed = load_objective("mlm_simcse")
    summed = replace(summed, terms={**summed.terms, "simcse": own}, rows_per_update=16)  # type: ignore[call-arg]
    phases = load_objective("mlm_then_simcse")
    phases = replace(phases, terms={**phases.terms, "simcse": own})  # type: ignore[call-arg]
    for trained in (own, summed, phases):
        with pytest.raises(ValueError, match=r"leave micro_batch_rows out, or lower"):
            experiment(None, small_pydocs, tmp_path, objective=trained, trainer=micro(8))
        experiment(None, small_pydocs, tmp_path, objective=trained, trainer=micro(16))
    for name in ("simcse", "mlm", "mlm_then_simcse", "gpt_bert"):  # by GradCache, by accumulation
        experiment(name, small_pydocs, tmp_path, trainer=micro(2))
