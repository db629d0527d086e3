"""What is written is read back: `read(written(c)) == c`, whatever was composed."""

import json
from pathlib import Path
from typing import Any

import pytest
from checkpoints import save_checkpoint

from cli.configuration import experiment, sweep_columns
from cli.hydra_app import CONFIG_FOLDER, collect
from runners.configuration.experiment import ExperimentConfig, identity, written
from runners.configuration.read import read

EXPERIMENTS = sorted(path.stem for path in (CONFIG_FOLDER / "experiment").glob("*.yaml"))
PLUGIN = '''
from dataclasses import dataclass
from {module} import {base}

@dataclass(frozen=True, kw_only=True)
class Mine({base}):
    """Version {version}."""
'''


def configure(arguments: list[str]) -> list[ExperimentConfig]:
    jobs = collect(arguments)
    return [experiment(job, sweep_columns(jobs)) for job in jobs]


def again(config: ExperimentConfig) -> ExperimentConfig:
    return read(json.loads(json.dumps(written(config))))


def assert_read_back(arguments: list[str]) -> list[ExperimentConfig]:
    found = configure(arguments)
    assert found
    for config in found:
        assert again(config) == config
        assert identity(again(config)) == identity(config)
    return found


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment(name: str) -> None:
    assert_read_back([f"+experiment={name}", "-m"])


def test_every_objective_with_every_option_of_the_other_groups() -> None:
    assert_read_back(["objective=glob(*)", "-m"])
    own = ["budget=steps", "dataset=local", "dataset.path=x", "model=glob(*,exclude=[auto,pre*])"]
    assert_read_back([*own, "-m"])
    assert_read_back(["dataset=hub", "dataset.path=x", "probe=[similarity]", "probe.path=x.csv"])


def test_schedules_within_fusions_too() -> None:
    steps = "{schedule: steps, values: [0.3, 0.2], at: [0.5]}"
    falls = "{schedule: linear, start: 1.0, end: 0.1}"
    (config,) = assert_read_back(
        [
            "objective=mlm_simcse",
            f"objective.terms.mlm.mlm_probability={steps}",
            f"objective.weights.simcse={falls}",
            f"objective.terms.simcse.temperature={falls}",
        ]
    )
    assert config.objective is not None
    assert dict(config.objective.schedules).keys() == {"weights.simcse"}


def test_a_checkpoint_and_one_that_has_changed(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    save_checkpoint(folder, "bert")
    own = ["model=pretrained", f"model.path={folder}", "dataset.sequence_length=64"]
    (config,) = assert_read_back([*own, "model.dropout=0.2"])
    assert "folder" not in written(config)["model"]
    content = written(config)
    content["model"]["fingerprint"] = "0" * 64
    with pytest.raises(ValueError, match=r"model\.path: .* is no longer what it was"):
        read(content)


@pytest.mark.parametrize(
    ("base", "group", "arguments"),
    [
        ("objectives.clm.CLM", "objective", ["objective=clm", "+objective.kind=mine"]),
        (
            "objectives.clm.CLM",
            "objective",
            ["objective=clm_then_mlm", "+objective.terms.clm.kind=mine"],
        ),
        ("runners.probes.library.LibraryProbe", "probes.library", ["probes.library.kind=mine"]),
        ("runners.corpora.pydocs.PydocsConfig", "dataset", ["dataset.kind=mine"]),
        (
            "models.backbones.modern.ModernConfig",
            "model",
            ["model=modern_nano", "model.architecture=mine"],
        ),
    ],
)
def test_plugins_of_every_kind_and_such_as_have_changed(
    base: str, group: str, arguments: list[str], tmp_path: Path
) -> None:
    module, _, kind = base.rpartition(".")
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(module=module, base=kind, version=1))
    (config,) = assert_read_back([*arguments, f"plugins=[{file}]"])
    content: dict[str, Any] = written(config)
    assert content["plugins"].keys() == {str(file)}
    assert "mine.py" not in json.dumps(identity(config))
    file.write_text(PLUGIN.format(module=module, base=kind, version=2))
    with pytest.raises(ValueError, match=rf"plugins: {file} has changed since this was written"):
        read(content)
    part: Any = content
    for name in group.split("."):
        part = part[name]
    part = next((term for term in part.get("terms", {}).values() if "plugin" in term), part)
    part["plugin"] = "0" * 64
    file.write_text(PLUGIN.format(module=module, base=kind, version=1))
    with pytest.raises(ValueError, match="'mine' is no longer what it was"):
        read(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sed": 1}, "there is no setting sed; did you mean 'seed'"),
        ({"seed": -1}, "seed is -1; a whole number"),
        ({"workers": True}, "workers is True; a whole number"),
        ({"output_dir": ""}, "output_dir is empty"),
        ({"plugins": ["nowhere.py"]}, r"plugins: there is no file .*nowhere\.py"),
        (
            {"model": {"architecture": "vanila"}},
            "model: no architecture is named 'vanila'",
        ),
        ({"model": {}}, r"model\.architecture is not set; known: modern, vanilla"),
        ({"dataset": {"kind": "pydoc"}}, "dataset: no corpus is named 'pydoc'; did you mean"),
        ({"objective": {"kind": "clm"}}, r"objective\.name is not set"),
        ({"probes": {"x": {"name": "y"}}}, r"probes\.x\.kind is not set; known: agreement"),
    ],
)
def test_a_mistake_is_one_message_with_its_place(change: dict[str, Any], message: str) -> None:
    (config,) = configure(["objective=clm"])
    with pytest.raises(ValueError, match=message):
        read({**written(config), **change})
