"""Job files: read back as written, and refused with one message where they cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest
from experiments import experiment

import runners.configuration.job_file as module
from runners.configuration.experiment import ExperimentConfig
from runners.configuration.job_file import JobFile, read_job, write_job
from runners.corpora.pydocs import PydocsConfig


@pytest.fixture
def config(tmp_path: Path) -> ExperimentConfig:
    return experiment(
        "clm_then_mlm", PydocsConfig(libraries=("stdlib",), sequence_length=64), tmp_path
    )


@pytest.fixture
def file(config: ExperimentConfig) -> Path:
    return write_job(JobFile("clm-s0-abc", "clm, seed 0", config))


def test_it_is_read_back_as_it_was(config: ExperimentConfig, file: Path) -> None:
    assert file == config.output_dir / "jobs" / "clm-s0-abc.json"
    assert read_job(file) == JobFile("clm-s0-abc", "clm, seed 0", config)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_one_that_was_edited(file: Path) -> None:
    content = json.loads(file.read_text())
    edit(file, config={**content["config"], "seed": 7})
    with pytest.raises(ValueError, match=r"abc\.json was edited since it was written; settings"):
        read_job(file)


def test_one_of_another_version(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "code_hash", lambda: "0" * 64)
    with pytest.raises(ValueError, match=r"is of another version \(code .*, this is 00000000\)"):
        read_job(file)
    edit(file, format=0)
    with pytest.raises(ValueError, match=r"is of another version \(format 0, this one reads 1\)"):
        read_job(file)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 1}'])
def test_one_that_is_damaged(content: str, file: Path) -> None:
    file.write_text(content)
    with pytest.raises(ValueError, match=r"abc\.json is no job file: damaged; run the command"):
        read_job(file)


def test_one_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.json is no job file: there is no such file"):
        read_job(tmp_path / "x.json")
