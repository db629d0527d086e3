"""Memory that runs short: smaller pieces, the same updates; and a GPU's, where there is one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM
from typing import Any
from unittest import mock

import pytest
import torch
from lives import UPDATE, Life, Notes, signalled, train

import runners.training.loop as loop_module
from models.backbone import Backbone
from models.batch import Batch
from runners.configuration.experiment import ExperimentConfig
from runners.corpora.corpus import Corpus
from runners.training.pretrain import pretrain
from runners.training.room import MemoryShortError, is_short_of_memory
from runners.training.trained import Training
from runners.training.update import UpdateStep

STEPS = 6


@contextmanager
def memory_for(rows: int, after: int = 0) -> Iterator[None]:
    """Let updates run out of memory above so many rows, once so many have been tried."""
    forward, backward, tried = Backbone._through, UpdateStep.backward, [0]
    is_update = False

    def limited(self: Backbone, batch: Batch, *more: Any) -> Any:
        if is_update and tried[0] > after and len(batch.input_ids) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return forward(self, batch, *more)

    def noted(self: UpdateStep, update: Any) -> Any:
        nonlocal is_update
        tried[0], is_update = tried[0] + 1, True
        try:
            return backward(self, update)
        finally:
            is_update = False

    with (
        mock.patch.object(Backbone, "_through", limited),
        mock.patch.object(UpdateStep, "backward", noted),
    ):
        yield


def training_of(life: Life) -> Training:
    config: ExperimentConfig = life.config
    return pretrain(
        config.recipe, Corpus(life.corpus), config.output_dir / "models", Notes()
    ).training


@pytest.mark.parametrize(
    ("name", "room", "said"),
    [("clm", 3, ["5", "2"]), ("simcse", 3, ["11", "5", "2"]), ("mlm_simcse", 7, ["11", "5"])],
)
def test_updates_stay_and_pieces_are_halved(
    name: str, room: int, said: list[str], rows: Corpus, tmp_path: Path
) -> None:
    """As if it had been known beforehand, to the bit, also what it cost."""
    notes = Notes()
    life = Life(name, rows.folder, tmp_path / "short", steps=STEPS, saves=False)
    with memory_for(room):
        found = train(life, notes)
    assert notes.lines == [f"memory is short; on by {n} row(s) at a time" for n in said]

    class Known(Life):
        @property
        def config(self) -> ExperimentConfig:
            config = super().config
            trainer = replace(config.trainer, micro_batch_rows=int(said[-1]))
            return replace(config, trainer=trainer)

    known = Known(name, rows.folder, tmp_path / "known", steps=STEPS, saves=False)
    assert train(known) == found
    short, expected = training_of(life), training_of(known)
    assert short.rows_at_once == int(said[-1])
    assert expected.rows_at_once is None
    for training in (short, expected):
        training.ledger.seconds = 0.0
    assert short.ledger == expected.ledger


def test_what_memory_was_found_to_hold_is_kept(rows: Corpus, tmp_path: Path) -> None:
    """Short in the fourth update alone: who goes on after it goes on by the same pieces."""
    found = []
    for places in ((), (5,)):
        life = Life("clm", rows.folder, tmp_path / str(places), steps=STEPS + 3, saves=False)
        for step in places:
            with memory_for(6, after=3), signalled(step, SIGTERM), pytest.raises(SystemExit):
                train(life)
        with memory_for(6, after=3) if not places else memory_for(UPDATE):
            found.append(train(life))
        assert training_of(life).rows_at_once == 5
    assert found[0] == found[1]


def test_one_row_that_does_not_fit_is_an_error_that_says_what_to_do(
    rows: Corpus, tmp_path: Path
) -> None:
    life = Life("clm", rows.folder, tmp_path, steps=STEPS, saves=False)
    with memory_for(0), pytest.raises(MemoryShortError, match=r"one row of clm .* smaller model"):
        train(life)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_what_counts_as_short(error: BaseException, expected: bool) -> None:
    assert is_short_of_memory(error) is expected


def test_a_processors_allocator_is_understood() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**62, dtype=torch.uint8)
    assert is_short_of_memory(raised.value)


def test_other_errors_pass(rows: Corpus, tmp_path: Path) -> None:
    life = Life("clm", rows.folder, tmp_path, steps=STEPS, saves=False)

    def broken(*given: Any, **more: Any) -> Any:
        raise RuntimeError("a shape is wrong")

    with (
        mock.patch.object(Backbone, "forward", broken),
        mock.patch.object(loop_module, "CURVE_POINTS", 2),
        pytest.raises(RuntimeError, match="a shape is wrong"),
    ):
        train(life)
