"""What only whole processes can show. They are few: importing torch alone costs 2 s."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRAINING = """
import json, sys
from pathlib import Path
import torch
from conftest import make_batch, VOCABULARY
from models.backbones.vanilla import VanillaConfig
from models.initialization import weights_hash
from objective_files import load_objective
from objectives.base import Moment, build_model
from runners.checks import made_update
from runners.hardware import set_up
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.update import UpdateStep

compiled = sys.argv[1] == "compiled"
config = VanillaConfig(
    hidden_size=64, num_layers=1, num_heads=4, intermediate_size=128, max_length=64, dropout=0.1,
    attention_dropout=0.1,
)
hashes = {}
for name in ("clm",) if compiled else ("clm", "mlm", "simcse"):
    trainer = AdamWConfig(device="cpu", dtype="bfloat16", threads=2, compile=compiled)
    set_up(trainer)
    objective = load_objective(name)
    model = build_model(objective, config, VOCABULARY.size, seed=0).train()
    step = UpdateStep(model, objective, trainer, seed=0, tokens=1000)
    for number in range(3):
        batch = make_batch([30, 30, 22, 7, 30, 30, 12, 30], width=32, seed=number)
        step(made_update(objective, batch, trainer, Moment(number)), rate=1e-3)
    hashes[name] = weights_hash(model)
print(json.dumps(hashes))
"""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_fresh_processes_give_the_same_weights_bit_for_bit(mode: str, tmp_path: Path) -> None:
    """Dropout on, two threads, other hash seeds; compiled in a cold cache, then from that cache."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    found = []
    for seed in ("1", "2"):
        done = python(
            "-c",
            TRAINING,
            mode,
            PYTHONHASHSEED=seed,
            PYTHONPATH=path,
            TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "cache"),
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(json.loads(done.stdout.strip().splitlines()[-1]))
    assert found[0] == found[1]
    assert len(set(found[0].values())) == (1 if mode == "compiled" else 3)


def test_help_is_quick_and_importing_the_command_is_silent() -> None:
    done = python("-W", "error", "-c", "import cli.main")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    times = []
    for _ in range(3):
        began = time.perf_counter()
        done = python("-m", "cli", "--help")
        times.append(time.perf_counter() - began)
    assert done.returncode == 0
    assert "usage: compare" in done.stdout
    assert min(times) < 0.5
    assert python("-m", "cli", "--version").stdout.startswith("compare 0.")


def test_the_smoke_experiment_as_a_user_types_it(tmp_path: Path) -> None:
    """`compare run objective=clm,mlm,simcse -m +experiment=smoke`, in a folder of its own."""
    command = ["-m", "cli", "run", "objective=clm,mlm,simcse", "-m", "+experiment=smoke"]
    done = python(*command, f"output_dir={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr[-2000:]
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("report: ")
    text = Path(last.removeprefix("report: ")).read_text()
    for name in ("clm", "mlm", "simcse"):
        assert f"\n| {name} |" in text
