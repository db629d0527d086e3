"""What a comparison costs as model, rows, vocabulary and corpus grow: `make growth`.

    python tests/benchmarks/growth.py [model] [length] [vocabulary] [corpus]

A training step of CLM, MLM and SimCSE (32 rows of 128 tokens, `mini`, 8,192 tokens in the
vocabulary) with one of these changed; 4,096 tokens an update at every length of row. Of a corpus of
made text: how long it takes to build, what the process holds at most, and how long a built one
takes to open and to give its first update.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hydra
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from objective_files import load_objective
from steps import Machine, Timed, made_vocabulary, measured

from cli.hydra_app import VERSION_BASE, compose_option
from models.config import BackboneConfig
from runners.configuration.read import model as read_model
from runners.corpora.building import build_corpus
from runners.corpora.local import LocalConfig
from runners.hardware import describe, set_up
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.trainer import TrainerConfig

OBJECTIVES = ("clm", "mlm", "simcse")
MODELS = ("modern_nano", "modern_tiny", "modern_mini", "mini", "small", "base")
LENGTHS = (32, 64, 128, 256, 512, 1024)
VOCABULARIES = (4096, 8192, 16384, 32768, 65536)
DOCUMENTS = (2_000, 20_000, 200_000)
WORDS = 100
"""Of a document."""


def config_of(name: str) -> BackboneConfig:
    """A size of model, without dropout, for rows of up to 1,024 tokens."""
    folder = Path(__file__).parents[2] / "conf"
    with hydra.initialize_config_dir(str(folder), **VERSION_BASE):
        values = compose_option("model", name)
    return read_model(values | {"max_length": 1024, "dropout": 0.0, "attention_dropout": 0.0})


def step(
    name: str, config: BackboneConfig, trainer: TrainerConfig, size: int, rows: int, length: int
) -> tuple[float, float]:
    """Seconds of an update, and the operations that it takes."""
    objective = load_objective(name).with_rows(rows)
    timed = Timed(objective, config, trainer, made_vocabulary(size), rows=rows, length=length)
    updates = [timed.update(timed.rows(number)) for number in range(6)]
    taken = []
    for update in updates:
        began = time.perf_counter()
        timed.step(update, rate=1e-4)
        taken.append(time.perf_counter() - began)
    flops = statistics.mean(update.ledger.flops for update in updates)
    return statistics.median(taken[2:]), flops


def lines(section: str, trainer: TrainerConfig, machine: Machine) -> Iterator[str]:
    """A row of a table for every size, with milliseconds and share of the matrix rate of each."""
    mini = config_of("mini")
    cases = {
        "model": [(each, config_of(each), 8192, 32, 128) for each in MODELS],
        "length": [(f"{n:,} x {4096 // n}", mini, 8192, 4096 // n, n) for n in LENGTHS],
        "vocabulary": [(f"{size:,}", mini, size, 32, 128) for size in VOCABULARIES],
    }
    for label, config, size, rows, length in cases[section]:
        cells = []
        for name in OBJECTIVES:
            seconds, flops = step(name, config, trainer, size, rows, length)
            cells.append(f"{1e3 * seconds:.0f} | {flops / seconds / machine.matrix:.0%}")
        yield f"| {label} | {' | '.join(cells)} |"


def corpus_line(documents: int) -> str:
    """A row of the table of corpora; in a process of its own, for what it holds."""
    draw = np.random.default_rng(0)
    words = ["".join(chr(97 + c) for c in draw.integers(26, size=n)) for n in [3, 5, 7, 9] * 5000]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.txt"
        with path.open("w") as file:
            for _ in range(documents):
                ranks = draw.zipf(1.3, size=WORDS) % len(words)
                file.write(" ".join(words[rank] for rank in ranks) + "\n")
        size = path.stat().st_size
        config = LocalConfig(
            path=str(path),
            unit="line",
            sequence_length=128,
            tokenizer="bpe",
            vocabulary_size=8192,
        )
        held = most_held()
        took = []
        for _ in range(2):
            began = time.perf_counter()
            corpus = build_corpus(config, output_dir=Path(folder), say=lambda line: None)
            took.append(time.perf_counter() - began)
        began = time.perf_counter()
        corpus.stretch("train", start=0, count=32, seed=0)
        first = time.perf_counter() - began
        disk = sum(f.stat().st_size for f in corpus.folder.rglob("*") if f.is_file())
    more = most_held() - held
    return (
        f"| {documents:,} | {size / 1e6:.1f} | {took[0]:.1f} | {more / 1e6:.0f} "
        f"| {disk / 1e6:.1f} | {took[1]:.2f} | {1e3 * first:.0f} |"
    )


def most_held() -> int:
    """Bytes that this process has held at once; what Linux counts since its program began."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def main(arguments: list[str]) -> None:
    """Print the tables."""
    if arguments[:1] == ["--corpus"]:
        print(corpus_line(int(arguments[1])))
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = AdamWConfig(
        device=device, dtype="bfloat16", threads=torch.get_num_threads(), compile=False, processes=1
    )
    set_up(trainer)
    machine = measured(trainer)
    rate, copied = machine.matrix / 1e12, machine.copy / 1e9
    print(f"{describe(trainer)}; products {rate:.2f} TFLOP/s, copies {copied:.0f} GB/s")
    for section in arguments or ("model", "length", "vocabulary", "corpus"):
        if section == "corpus":
            print(
                "\n| documents | MB of text | built in, s | held, MB | on disk, MB | opened in, s "
                "| first update, ms |\n|--:|--:|--:|--:|--:|--:|--:|"
            )
            for documents in DOCUMENTS:
                own = [sys.executable, __file__, "--corpus", str(documents)]
                print(
                    subprocess.run(own, check=True, capture_output=True, text=True).stdout, end=""
                )
            continue
        names = " | ".join(f"{name}, ms | of the rate" for name in OBJECTIVES)
        print(f"\n| {section} | {names} |\n|:--|{'--:|' * 2 * len(OBJECTIVES)}")
        for line in lines(section, trainer, machine):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
