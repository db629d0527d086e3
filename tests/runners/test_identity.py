import json
import subprocess
import sys
from pathlib import Path

import pytest

import runners.identity as identity
from runners.identity import MEASURES, OURS, TRAINS, code_hash, source_hash, training_files

ROOT = Path(identity.__file__).parent.parent

LOADED = """
import json, sys
import runners.training.pretrain
from models.registry import names
from objectives.trainable import OBJECTIVES
names(OBJECTIVES)
ours = [m for name, m in sys.modules.items() if name.split(".")[0] in {ours!r}]
print(json.dumps([m.__file__ for m in ours if m.__file__]))
"""


def test_all_that_pretraining_imports_is_in_a_training_s_name() -> None:
    """Seen from what a fresh process has loaded, and not from the text that is followed."""
    code = LOADED.format(ours=OURS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {Path(file).resolve() for file in json.loads(done.stdout)}
    hashed = {file.resolve() for file in training_files()}
    assert len(loaded) > 50
    assert loaded - hashed == set()
    for name in ("hardware", "measures/row_losses", "training/update", "training/optimizers/adamw"):
        assert ROOT / "runners" / f"{name}.py" in hashed


def test_what_only_measures_is_not() -> None:
    names = {file.name for file in training_files()}
    assert not {"experiment.py", "losses.py", "classification.py", "kinds.py"} & names


def test_changed_code_changes_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {file.relative_to(ROOT).as_posix(): file for file in training_files()}
    copy = tmp_path / "runners" / "hardware.py"
    copy.parent.mkdir()
    hashes = []
    for text in (files["runners/hardware.py"].read_text(), "enabled = True"):
        copy.write_text(text)
        monkeypatch.setattr(identity, "_root", lambda package: tmp_path / package)
        hashes.append(identity._hash_of({copy}))
    assert hashes[0] != hashes[1]


def test_versions_are_part_of_the_name_of_what_they_decide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert set(TRAINS) < set(MEASURES)
    names = {code_hash()}
    for package in MEASURES:
        version = identity.version
        monkeypatch.setattr(
            identity,
            "version",
            lambda name, package=package, version=version: (
                "0" if name == package else version(name)
            ),
        )
        code_hash.cache_clear()
        names.add(code_hash())
        monkeypatch.undo()
    code_hash.cache_clear()
    assert len(names) == 1 + len(MEASURES)


def test_files_and_folders_are_hashed_alike() -> None:
    assert source_hash("models") != source_hash("models", "runners/job.py")
    assert source_hash("models", "models/batch.py") == source_hash("models")
