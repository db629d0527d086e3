"""A number that is not finite ends a training at that very update, and spoils no checkpoint."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from fake_probe import job_of
from lives import POINTS, Life, Notes, train
from safetensors.torch import load_file

import runners.training.loop as loop_module
from models.batch import Batch
from objectives.base import TrainModel
from objectives.prepared import LossOutput, Prepared
from objectives.rtd import RTD
from results.store import ResultStore
from runners.corpora.corpus import Corpus
from runners.experiment import run_job
from runners.progress import Silent
from runners.training.finite import DivergedError, Finite

STEP = 5


@contextlib.contextmanager
def wrong(what: str) -> Iterator[list[int]]:
    """RTD with a wrong number in the update of step `STEP`.

    Yields:
        The steps whose loss was computed.
    """
    loss, corrupt = RTD.loss, RTD.corrupt
    computed, now = [], [0]

    def corrupting(self: RTD, batch: Batch, **more: Any) -> Prepared:
        prepared = corrupt(self, batch, **more)
        now[0] = more["moment"].step + 1
        if what == "input" and now[0] == STEP:
            noise = prepared.more["noise"].clone()
            noise[3, 2] = torch.nan
            prepared = replace(prepared, more={"noise": noise})
        return prepared

    def losing(self: RTD, model: TrainModel, prepared: Prepared) -> LossOutput:
        output = loss(self, model, prepared)
        if not model.training:
            return output
        computed.append(now[0])
        first, second = output.terms
        values = second.values
        if what == "loss" and now[0] == STEP:
            values = values * torch.inf
        if what == "gradient" and now[0] == STEP:  # 0, and its slope is infinite times 0
            values = values + (0 * values.sum()).sqrt()
        return replace(output, terms=(first, replace(second, values=values)))

    with (
        mock.patch.object(RTD, "corrupt", corrupting),
        mock.patch.object(RTD, "loss", losing),
    ):
        yield computed


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("loss", "the loss of rtd discriminator is inf"),
        ("gradient", "the norm of the gradient is nan"),
        ("input", r"the input of rtd \(noise\) holds numbers that are not finite"),
    ],
)
def test_it_stops_at_the_step_and_the_checkpoint_before_is_good(
    what: str, said: str, rows: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    life = Life("rtd", rows.folder, tmp_path / "wrong", steps=8)
    with wrong(what) as computed, pytest.raises(DivergedError, match=f"step {STEP}: {said}"):
        train(life)
    last = [] if what == "input" else [STEP]
    assert computed == [*range(1, STEP), *last]
    assert life.checkpoints == [STEP - 2, STEP - 1]
    for step in life.checkpoints:
        for file in (life.folder / "checkpoints" / str(step)).glob("*.safetensors"):
            assert all(value.isfinite().all() for value in load_file(file).values())
    notes = Notes()
    with wrong(what) as computed, pytest.raises(DivergedError, match=f"step {STEP}: {said}"):
        train(life, notes)
    assert notes.lines == [f"going on after step {STEP - 1}"]
    assert computed == last  # none before it again
    assert not list(life.folder.glob("training.json"))
    job = job_of(replace(life.config, columns=life.config.objective.columns), rows)  # type: ignore[union-attr]
    with wrong(what):
        record = run_job(job, ResultStore(life.output), Silent())
    assert record.status == "failed"
    assert record.is_diverged
    assert re.match(f"diverged at step {STEP}: {said}", record.error)
    assert "Traceback" not in capsys.readouterr().err
    alone = Life("rtd", rows.folder, tmp_path / "alone", steps=8, saves=False)
    assert train(life) == train(alone)  # nothing wrong is left once the cause is gone


def test_where_reading_has_a_price_it_waits_for_the_curve_and_the_step_is_the_same(
    rows: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: points of the curve are 4 updates apart, checkpoints far more."""
    monkeypatch.setattr(loop_module, "Finite", lambda at_once: Finite(at_once=False))
    life = Life("rtd", rows.folder, tmp_path, steps=4 * POINTS, saves=False)
    with wrong("gradient") as computed, pytest.raises(DivergedError, match=f"step {STEP}: "):
        train(life)
    assert computed == [1, 2, 3, 4, 5, 6, 7, 8]
    often = Life("rtd", rows.folder, tmp_path, steps=4 * POINTS)
    with wrong("gradient") as computed, pytest.raises(DivergedError, match=f"step {STEP}: "):
        train(often)
    assert often.checkpoints == [3, 4]  # nothing is saved unread
