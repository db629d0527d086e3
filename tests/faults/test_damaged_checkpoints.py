"""Checkpoints that are damaged: each kind of damage to each file is found, and named."""

import os
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from signal import SIGTERM

import pytest
from lives import Life, Notes, signalled, train
from whole_commands import run

from results.store import ResultStore
from runners.corpora.corpus import Corpus
from runners.training.checkpoint import FILES, MANIFEST, CheckpointError, Checkpoints
from runners.training.initial import initial_model


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def link(file: Path) -> None:
    file.rename(file.with_suffix(".away"))
    file.symlink_to(file.with_suffix(".away"))


def change_a_digit(file: Path) -> None:
    """In a number, so that it can still be read as JSON."""
    content = file.read_bytes()
    place = content.rindex(b".") + 1
    other = b"1" if content[place : place + 1] != b"1" else b"2"
    file.write_bytes(content[:place] + other + content[place + 1 :])


DAMAGES: tuple[Callable[[Path], None], ...] = (truncate, empty, flip_a_bit, link, Path.unlink)


@pytest.fixture(scope="module")
def ended(rows: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A training that ended after step 4, with the checkpoints of steps 3 and 4."""
    life = Life("mlm", rows.folder, tmp_path_factory.mktemp("ended"), steps=6)
    with signalled(4, SIGTERM), pytest.raises(SystemExit):
        train(life)
    assert life.checkpoints == [3, 4]
    return life


@pytest.fixture(scope="module")
def unbroken(rows: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("unbroken")
    return train(Life("mlm", rows.folder, folder, steps=6, saves=False))


def copy_of(life: Life, folder: Path) -> Life:
    shutil.copytree(life.output, folder, dirs_exist_ok=True)
    return Life(life.objective, life.corpus, folder, steps=life.steps)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_damaged_file_is_named_and_the_checkpoint_before_is_taken(
    name: str,
    damage: Callable[[Path], None],
    ended: Life,
    unbroken: dict[str, object],
    tmp_path: Path,
    whole: bool,
) -> None:
    life, notes = copy_of(ended, tmp_path), Notes()
    damage(life.folder / "checkpoints" / "4" / name)
    config, corpus = life.config, Corpus(life.corpus)
    model = initial_model(config.recipe, corpus)
    optimizer = config.trainer.build(model, 1e-3, 100)
    state = Checkpoints(life.folder, notes.say).load(model, optimizer)
    assert state is not None
    assert state["training"]["ledger"]["steps"] == 3
    first, second = notes.lines
    assert first.startswith("the checkpoint of step 4 is damaged: ")
    assert name in first
    assert second == "going one step back, to the checkpoint of step 3"
    if whole or damage is flip_a_bit:
        assert train(life) == unbroken


def test_where_all_are_damaged_nothing_is_trained_and_nothing_deleted(
    ended: Life, unbroken: dict[str, object], tmp_path: Path
) -> None:
    life = copy_of(ended, tmp_path)
    checkpoints = life.folder / "checkpoints"
    flip_a_bit(checkpoints / "4" / FILES[0])
    (checkpoints / "3" / FILES[1]).unlink()
    before = sorted(checkpoints.rglob("*"))
    with pytest.raises(CheckpointError) as raised:
        train(life)
    for part in (str(checkpoints), "step 4", FILES[0], "step 3", FILES[1], "delete that folder"):
        assert part in str(raised.value)
    assert sorted(checkpoints.rglob("*")) == before
    shutil.rmtree(checkpoints)  # as the message says
    assert train(life) == unbroken


def test_a_bad_one_is_replaced_by_the_next_of_its_step(ended: Life, tmp_path: Path) -> None:
    """And deleted with the others once two are known to be whole."""
    life = copy_of(ended, tmp_path)
    flip_a_bit(life.folder / "checkpoints" / "4" / FILES[0])
    with signalled(4, SIGTERM), pytest.raises(SystemExit):
        train(life)
    notes = Notes()
    with signalled(5, SIGTERM), pytest.raises(SystemExit):
        train(life, notes)
    assert notes.lines == ["going on after step 4"]
    assert life.checkpoints == [4, 5]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *product(["model.safetensors", "training.json"], DAMAGES[:3]),
        ("training.json", change_a_digit),
    ],
    ids=lambda given: getattr(given, "__name__", given),
)
def test_a_finished_model_that_is_damaged_is_trained_again(
    name: str,
    damage: Callable[[Path], None],
    unbroken: dict[str, object],
    ended: Life,
    tmp_path: Path,
) -> None:
    life = copy_of(ended, tmp_path)
    train(life)
    measures = life.folder / "measures"
    measures.mkdir()
    damage(life.folder / name)
    notes = Notes()
    assert train(life, notes) == unbroken
    assert name in notes.lines[0]
    assert "trained again" in notes.lines[0]
    assert not measures.exists()  # of a model that may have been another
    notes = Notes()
    assert train(life, notes) == unbroken
    assert notes.lines == []


def test_a_command_whose_checkpoints_are_all_bad_ends_with_1(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with signalled(3, SIGTERM):
        assert run(output, "objective=clm") == 143
    (checkpoint,) = output.glob("models/*/checkpoints/3")
    flip_a_bit(checkpoint / FILES[0])
    before = {file: file.read_bytes() for file in checkpoint.iterdir()}
    assert run(output, "objective=clm") == 1
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert "step 3" in told.out + told.err
    assert {file: file.read_bytes() for file in checkpoint.iterdir()} == before
    (failed,) = [r for r in ResultStore(output).records()[0] if r.kind == "run"]
    assert failed.status == "failed"
    assert "delete that folder" in failed.error
