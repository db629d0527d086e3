"""What would run code or leave the output directory: refused, and nothing happened."""

import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from checkpoints import save_checkpoint
from made_records import add_run, answers

from cli.main import main
from results.report import write_report
from results.store import ResultStore
from runners.configuration.checkpoint import CheckpointConfig
from runners.configuration.read import objective
from runners.corpora.loading import load_hub_dataset

SYSTEM = {"_target_": "os.system"}

SHORT = ("callback", "formatter", "objective", "tag")
SAID = {
    "plugins": "plugins names files that would be executed",
    "tag": "could not determine a constructor",
}


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """What hostile code would make."""
    return tmp_path / "it_ran"


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one message of a command that is not carried out."""
    capsys.readouterr()
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("compare: ")
    assert printed.err.count("\n") == 1
    return printed.err


def hostile_files(trap: Path) -> dict[str, str]:
    """YAML of somebody else, by name of an option of the group `experiment`."""
    call = {**SYSTEM, "command": f"touch {trap}"}
    popen = {"class": "subprocess.Popen", "args": ["touch", str(trap)]}
    factory = {"()": "os.system", "command": f"touch {trap}"}
    method = {"_target_": "hydra.utils.get_method", "path": "os.system"}
    contents = {
        "callback": {"hydra": {"callbacks": {"mine": call}}},
        "method": {"hydra": {"callbacks": {"mine": method}}},
        "handler": {"hydra": {"job_logging": {"handlers": {"mine": popen}}}},
        "formatter": {"hydra": {"hydra_logging": {"formatters": {"mine": factory}}}},
        "stream": {"hydra": {"job_logging": {"handlers": {"console": {"stream": "ext://this.s"}}}}},
        "objective": {"objective": call},
        "deep": {"dataset": {"path": [{"x": call}]}},
        "top": {"x": call},
        "plugins": {"plugins": [str(trap.with_suffix(".py"))]},
    }
    found = {name: yaml.safe_dump(content) for name, content in contents.items()}
    found["tag"] = f'seed: !!python/object/apply:os.system ["touch {trap}"]\n'
    return {name: f"# @package _global_\n{text}" for name, text in found.items()}


def test_no_file_of_settings_runs_anything(
    tmp_path: Path, trap: Path, capsys: pytest.CaptureFixture[str], whole: bool
) -> None:
    files = hostile_files(trap)
    trap.with_suffix(".py").write_text(f"open({str(trap)!r}, 'w')")
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    for name in files if whole else SHORT:
        (tmp_path / "conf" / "experiment" / f"{name}.yaml").write_text(files[name])
        command = ["plan", "--config-dir", str(tmp_path / "conf"), f"+experiment={name}"]
        assert SAID.get(name, "configurations run nothing") in refused(command, capsys)
        assert not trap.exists()


def test_no_argument_runs_anything(capsys: pytest.CaptureFixture[str], whole: bool) -> None:
    overrides = [
        "+hydra.callbacks.x._target_=os.system",
        "hydra.searchpath=[pkg://this]",
        "+x._target_=os.system",
        "++objective._target_=os.system",
        "hydra.sweeper._target_=os.system",
        "hydra.launcher._target_=hydra.utils.get_method",
    ]
    for override in overrides if whole else overrides[:2]:
        said = refused(["plan", "objective=clm,mlm", "-m", override], capsys)
        assert ("configurations run nothing" in said) or ("would be imported" in said)


@pytest.mark.parametrize(
    "name", ["../../mine", "/tmp/mine", "..", ".hidden", "a/b", "a\\b", "a\nb", "\ud800", "x" * 99]
)
def test_no_objective_is_called_as_another_folder(name: str) -> None:
    values = {"kind": "clm", "name": name, "learning_rate": 1e-3, "rows_per_update": 8}
    with pytest.raises(ValueError, match=r"objective\.name is .* folders are named by it"):
        objective(values, [], "objective")


def test_no_name_leads_out_of_the_output_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["plan", "objective.name='../../mine'", f"output_dir={tmp_path / 'out'}"]
    assert "objective.name is '../../mine'; folders are named by it" in refused(command, capsys)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["record", "report"])
def test_what_a_link_leads_to_is_never_written(kind: str, tmp_path: Path) -> None:
    """Of a study that somebody else has sent."""
    store, mine = ResultStore(tmp_path / "out"), tmp_path / "mine"
    record = add_run(store, "clm", answers(0.5), status="failed")
    report = write_report([(record, store)], tmp_path / "out" / "reports", command="x")
    place = report.parent if kind == "report" else store.folder / record.name
    place.rename(tmp_path / "old")
    mine.mkdir()
    (mine / "thesis.tex").write_text("all of it")
    place.symlink_to(mine)
    if kind == "record":
        add_run(store, "clm", answers(0.5))
    else:
        write_report([(record, store)], tmp_path / "out" / "reports", command="x")
    assert not place.is_symlink()
    assert {path.name: path.read_text() for path in mine.iterdir()} == {"thesis.tex": "all of it"}
    assert not (place / "thesis.tex").exists()


def test_names_in_records_of_others_lead_nowhere(tmp_path: Path) -> None:
    """Objectives and figures may be called anything in a record, which `run` would refuse."""
    store = ResultStore(tmp_path / "out")
    record = add_run(store, "x", answers(0.5))
    file = store.folder / record.name / "record.json"
    content = json.loads(file.read_text()) | {"objective": "../../../mine"}
    file.write_text(json.dumps(content))
    (file.parent / "manifest.json").unlink()
    (found,), _ = store.records()
    report = write_report([(found, store)], tmp_path / "out" / "reports", command="x")
    assert report.parent.parent == tmp_path / "out" / "reports"
    assert os.listdir(tmp_path) == ["out"]


class Trap:
    def __init__(self, trap: Path) -> None:
        self._trap = trap

    def __reduce__(self) -> object:
        return os.system, (f"touch {self._trap}",)


def test_a_pickled_checkpoint_is_not_read(tmp_path: Path, trap: Path) -> None:
    folder = tmp_path / "model"
    save_checkpoint(folder, "bert")
    for file in folder.glob("*.safetensors"):
        file.unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(ValueError, match=r"holds no \*.safetensors; other formats run code"):
        CheckpointConfig(architecture="pretrained", path=str(folder)).read()
    assert not trap.exists()


def test_code_beside_a_checkpoint_is_not_run(tmp_path: Path, trap: Path) -> None:
    folder = tmp_path / "model"
    save_checkpoint(folder, "bert")
    code = f"open({str(trap)!r}, 'w')\n"
    for name in ("configuration_mine.py", "modeling_mine.py", "tokenization_mine.py"):
        (folder / name).write_text(code)
    file = folder / "config.json"
    own = {"AutoConfig": "configuration_mine.Mine", "AutoModelForMaskedLM": "modeling_mine.Mine"}
    content = json.loads(file.read_text()) | {"auto_map": own}
    file.write_text(json.dumps(content))
    CheckpointConfig(architecture="pretrained", path=str(folder)).read()
    file.write_text(json.dumps(content | {"model_type": "mine"}))
    with pytest.raises(ValueError, match="its family is 'mine'; known: "):
        CheckpointConfig(architecture="pretrained", path=str(folder), weights="random").read()
    assert not trap.exists()


def test_a_script_among_data_is_not_run(tmp_path: Path, trap: Path) -> None:
    """Data sets of the hub once were Python files."""
    folder = tmp_path / "hub" / "mine"
    folder.mkdir(parents=True)
    for name in ("mine.py", "__init__.py", "dataset.py"):
        (folder / name).write_text(f"open({str(trap)!r}, 'w')\n")
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_hub_dataset("mine", hub_dir=tmp_path / "hub", cache_dir=tmp_path / "cache")
    (folder / "mine.py").unlink()
    (folder / "train.csv").write_text("text\none\n")
    load_hub_dataset("mine", hub_dir=tmp_path / "hub", cache_dir=tmp_path / "cache")
    assert not trap.exists()
