"""Two processes that share a training: its loss curve is that of one, and none waits for ever."""

import copy
import json
import re
import shutil
import socket
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from several_processes import UNEVEN, WAY, enter, figures, job, stopped, trained

from runners.corpora.pydocs import PydocsConfig

SHORT = ("clip", "mlm_simcse")


@pytest.fixture(scope="module")
def output(
    tmp_path_factory: pytest.TempPathFactory,
    built: Path,
    corpus: object,
    small_pydocs: PydocsConfig,
    whole: bool,
) -> Path:
    """What two processes leave."""
    folder = tmp_path_factory.mktemp("ranks")
    shutil.copytree(built / "corpora", folder / "corpora")
    (folder / "dataset.json").write_text(json.dumps(asdict(small_pydocs)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = tuple(set(WAY) - {"first_character"}) if whole else SHORT
    torch.multiprocessing.spawn(enter, (port, str(folder), names), nprocs=2)
    return folder


@pytest.fixture(scope="module")
def found(output: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((output / "found.json").read_text())
    return content


def test_the_loss_curve_is_that_of_one_process(
    output: Path, found: dict[str, Any], small_pydocs: PydocsConfig
) -> None:
    for name, two in copy.deepcopy(found["whole"]).items():
        one = figures(trained(job(name, small_pydocs, output, processes=1)))
        losses = [[point.pop("loss") for point in run["curve"]] for run in (one, two)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6), name
        assert len(losses[0]) == 12
        if name == "simcse":  # one process computes its two pieces twice (GradCache)
            for run in (one["ledger"], two["ledger"], *one["curve"], *two["curve"]):
                for figure in ("forward_passes", "processed_tokens", "flops"):
                    run.pop(figure, None)
        assert one["curve"] == two["curve"], name
        assert one["ledger"] == two["ledger"], name


def test_blocks_that_are_cut_train_as_whole_ones_do(found: dict[str, Any]) -> None:
    """Norms of gradients are added up in another order; else nothing differs."""
    cut = copy.deepcopy(found["sharded"])
    pairs = [(two, cut[name]) for name, two in copy.deepcopy(found["whole"]).items()]
    pairs += [(cut[f"{name}, whole"], cut[f"{name}, cut"]) for name in UNEVEN]
    for whole, parts in pairs:
        losses = [[point.pop("loss") for point in run["curve"]] for run in (whole, parts)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6, abs=1e-7)
        assert (whole["curve"], whole["ledger"]) == (parts["curve"], parts["ledger"])
    assert found["held"] == {name: pytest.approx(0.5, abs=0.02) for name in found["held"]}


def test_a_training_that_was_stopped_goes_on_bit_for_bit(found: dict[str, Any]) -> None:
    """Its first process failed at a save; the second left it, and came to the next."""
    assert found["resumed"] == found["uninterrupted"]
    assert found["resumed, cut"] == found["uninterrupted, cut"]
    assert found["uninterrupted, cut"]["ledger"] == found["uninterrupted"]["ledger"]


def test_what_fails_in_one_process_ends_the_training_in_all_and_is_named(
    found: dict[str, Any],
) -> None:
    assert found["failed"] == "process 1: MemoryError: no memory is left (of 2 processes)"


def test_another_number_of_processes_is_refused(
    output: Path, found: dict[str, Any], small_pydocs: PydocsConfig
) -> None:
    config = stopped(small_pydocs, output / "half")
    alone = replace(config, trainer=replace(config.trainer, processes=1))
    with pytest.raises(ValueError, match=r"2 process\(es\) are half through") as refused:
        trained(alone)
    named = re.search(r"delete (\S+)", str(refused.value))
    assert named
    assert Path(named[1]).is_dir()
    shutil.rmtree(named[1])
    assert trained(alone).training.ledger.steps == 12
