"""We and those that people use today, turn by turn on the same cores: `make bench`.

    python tests/benchmarks/bench.py [--whole] [SECTION ...]

Sections: training (throughput in bf16, and float32 where that is a rival's default), losses (after
200 updates, only with --whole), loop (what ours adds to the bare step), memory (of a training with
32,000 tokens), tokenizing, start (of commands), probes (vectors, likelihoods, fine-tuning; both
sides must find the same). Turns are taken A B A B, each by a process of its own, since what we set
(how malloc keeps memory, deterministic kernels) would change the other's time.
Medians and their ratios are printed and written to outputs/bench.json: a list of name, ours,
peer, ratio (above 1: ours is better) and target.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from probe_race import SIDES, Done
from race import Race, Taken, corpus_config, corpus_folder, made_race, ours, within
from rich.console import Console
from rich.table import Table
from rivals import RIVALS, tokenizer_of, trainer

from runners.hardware import matrix_rates

OUTPUT = Path("outputs")


@dataclass(frozen=True)
class Line:
    """A comparison.

    Attributes:
        name: what is compared, with its unit.
        ours, peer: medians over turns.
        ratio: how many times better ours is.
        target: of the ratio, or None.
        spread: largest over smallest of a contestant's turns, the larger of the two.
    """

    name: str
    ours: float
    peer: float
    ratio: float
    target: float | None = None
    spread: float = 1.0


def turns(
    name: str,
    contestants: Sequence[Callable[[], float]],
    *,
    rounds: int,
    target: float | None = None,
    less_is_better: bool = False,
) -> Line:
    """Ours, the peer, ours, the peer, ...: as many times each as there are rounds."""
    found: list[list[float]] = [[], []]
    for _ in range(rounds):
        for values, contestant in zip(found, contestants, strict=True):
            values.append(contestant())
    own, peer = (statistics.median(values) for values in found)
    ratio = peer / own if less_is_better else own / peer
    spread = max(max(values) / min(values) for values in found)
    return Line(name, own, peer, ratio, target, spread)


Found = TypeVar("Found", Taken, Done)


def quietly() -> None:
    """Let a process say nothing of its own."""
    warnings.filterwarnings("ignore")
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115


class Bench:
    """All sections.

    Args:
        whole: the full form.
        folder: where corpora are built.
        device: that trainings run on.
    """

    TARGETS = {  # noqa: RUF012
        ("mlm", "bfloat16"): 2.5,
        ("clm", "bfloat16"): 1.6,
        ("simcse", "bfloat16"): 1.3,
        ("mlm", "float32"): 5.0,
    }

    def __init__(self, whole: bool, folder: Path, device: str, sizes: dict[str, int]) -> None:
        self._rounds, self._steps = (12, 20) if whole else (4, 8)
        self._whole, self._folder, self._device, self._sizes = whole, folder, device, sizes
        self._corpora: dict[int, Path] = {}
        self._pools: dict[str, ProcessPoolExecutor] = {}

    def corpus(self, vocabulary_size: int = 8192) -> Path:
        """Built once."""
        if vocabulary_size not in self._corpora:
            self._corpora[vocabulary_size] = corpus_folder(self._folder, vocabulary_size)
        return self._corpora[vocabulary_size]

    def race(self, name: str, **changes: object) -> Race:
        """On this device, compiled where ours would be."""
        sizes = {"device": self._device, "compile": self._device == "cuda", **self._sizes}
        return made_race(name, self.corpus(), **{**sizes, **changes})

    def _by(self, place: str, who: Callable[[Race, int], Found], race: Race, steps: int) -> Found:
        """In the process of that place, which waits while the other works."""
        if place not in self._pools:
            spawn = multiprocessing.get_context("spawn")
            self._pools[place] = ProcessPoolExecutor(1, spawn, quietly)
        found: Found = self._pools[place].submit(who, race, steps).result()
        return found

    def close(self) -> None:
        """End the processes."""
        for pool in self._pools.values():
            pool.shutdown()

    def _rate(self, place: str, who: Callable[[Race, int], Taken], race: Race) -> float:
        return self._by(place, who, race, self._steps).rate

    def training(self) -> Iterator[Line]:
        """Tokens a second, padding and every view counted."""
        for (name, dtype), target in self.TARGETS.items():
            race = self.race(name)
            rival = replace(race, trainer=replace(race.trainer, dtype=dtype, compile=False))
            peer = RIVALS[name]
            yield turns(
                f"training {name}, tokens/s, of {peer.__name__} in {dtype}",
                [
                    partial(self._rate, "ours", ours, race),
                    partial(self._rate, "peer", peer, rival),
                ],
                rounds=self._rounds if dtype == "bfloat16" else max(1, self._rounds // 2),
                target=target if not self._sizes else None,
            )

    def losses(self) -> Iterator[Line]:
        """Mean of the last 20 of 200 updates, which have seen the same rows, over two seeds."""
        for name, peer in RIVALS.items():
            found: dict[str, list[float]] = {"ours": [], "peer": []}
            for seed, (place, who) in product((0, 1), (("ours", ours), ("peer", peer))):
                race = replace(self.race(name), seed=seed)
                found[place].append(statistics.mean(_last(self._by(place, who, race, 200).losses)))
            own, theirs = (statistics.mean(values) for values in found.values())
            spread = max(max(values) / min(values) for values in found.values())
            name = f"loss of {name} after 200 updates, nats"
            yield Line(name, own, theirs, theirs / own, spread=spread)

    def loop(self) -> Iterator[Line]:
        """Milliseconds of an update, and of the step in it: the rest is what the loop adds."""
        for name in RIVALS:
            taken = self._by("ours", within, self.race(name), 3 * self._steps)
            first, last = len(taken.ends) // 3, len(taken.ends) - 1
            whole, step = (
                1e3 * (seconds[last] - seconds[first]) / (last - first)
                for seconds in (taken.ends, taken.inside)
            )
            yield Line(f"loop {name}, ms an update, of its step", whole, step, step / whole, 0.97)

    def memory(self) -> Iterator[Line]:
        """Of a process, beyond what it held before the model was built."""
        folder = self.corpus(32_000)
        for name in ("clm", "mlm"):
            own, peer = (_memory(who, name, folder, self._device) for who in ("ours", "trainer"))
            yield Line(f"memory {name}, V = 32,000, MB, of trainer", own, peer, peer / own, 2.0)

    def tokenizing(self) -> Iterator[Line]:
        """Documents a second: to rows on disk, and by `datasets.map` in batches."""
        import datasets

        from runners.corpora.building import _write_rows
        from runners.corpora.corpus import Corpus

        corpus = Corpus(self.corpus())
        texts = [*corpus.documents("train")["text"]]
        tokenizer = tokenizer_of(self.corpus())
        config = corpus_config(8192)

        def by_us() -> float:
            with tempfile.TemporaryDirectory() as folder:
                work = Path(folder)
                for file in self.corpus().glob("documents-*"):
                    (work / file.name).symlink_to(file.resolve())
                began = time.perf_counter()
                _write_rows(config, corpus.tokenizer, work, "train")
                return len(texts) / (time.perf_counter() - began)

        def by_datasets() -> float:
            rows = datasets.Dataset.from_dict({"text": texts})
            datasets.disable_caching()
            began = time.perf_counter()
            rows.map(lambda batch: tokenizer(batch["text"]), batched=True, remove_columns=["text"])
            return len(texts) / (time.perf_counter() - began)

        yield turns(
            "tokenizing, documents/s, of datasets.map",
            [by_us, by_datasets],
            rounds=2,
            target=1.0,
        )

    def probes(self) -> Iterator[Line]:
        """What probes spend their time on."""
        race, found = self.race("mlm", length=128), dict[str, np.ndarray]()

        def rate(place: str, who: Callable[[Race, int], Done], count: int) -> float:
            done = self._by(place, who, race, count)
            found[place] = done.found
            return done.rate

        for name, (own, peer, count) in SIDES.items():
            contestants = [partial(rate, "ours", own, count), partial(rate, "peer", peer, count)]
            yield turns(f"probes: {name}", contestants, rounds=max(2, self._rounds // 2))
            np.testing.assert_allclose(found["ours"], found["peer"], rtol=0.02, atol=0.02)

    def start(self) -> Iterator[Line]:
        """Seconds until a command has ended."""
        commands = {
            "compare --help, s, of `import torch`": ["-m", "cli", "--help"],
            "compare run --help, s, of `import torch`": ["-m", "cli", "run", "--help"],
            "importing all that a job needs, s, of Trainer": ["-c", "import cli.job"],
        }
        for name, command in commands.items():
            imports = "from transformers import BertForMaskedLM, Trainer"
            peer = ["-c", imports if "Trainer" in name else "import torch"]
            yield turns(
                f"start: {name}",
                [lambda c=command: _seconds_of(c), lambda c=peer: _seconds_of(c)],
                rounds=2,
                less_is_better=True,
            )


def _last(losses: Sequence[float]) -> Sequence[float]:
    """The last tenth."""
    return losses[-max(1, len(losses) // 10) :]


def _seconds_of(arguments: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def _memory(who: str, name: str, folder: Path, device: str) -> float:
    """Megabytes, in a process of its own."""
    arguments = [sys.executable, __file__, "--memory", who, name, str(folder), device]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def _print_memory(who: str, name: str, folder: str, device: str) -> None:
    race = made_race(name, Path(folder), device=device)
    _ = race.corpus
    import transformers  # which both have loaded, so that the difference is the training's

    assert transformers.Trainer
    if device == "cuda":
        {"ours": ours, "trainer": trainer}[who](race, 2)
        print(torch.cuda.max_memory_allocated() / 1e6)
        return
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    {"ours": ours, "trainer": trainer}[who](race, 2)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3)


def table_of(lines: Sequence[Line]) -> Table:
    """As it is printed."""
    table = Table("", "ours", "peer", "ratio", "target", "spread")
    for line in lines:
        target = "" if line.target is None else f"{line.target:g}"
        missed = line.target is not None and line.ratio < line.target
        table.add_row(
            line.name,
            f"{line.ours:,.4g}" if line.ours < 1000 else f"{line.ours:,.0f}",
            f"{line.peer:,.4g}" if line.peer < 1000 else f"{line.peer:,.0f}",
            f"{line.ratio:.2f}" + (" missed" if missed else ""),
            target,
            f"{line.spread:.2f}",
        )
    return table


SECTIONS = ("training", "loop", "memory", "tokenizing", "start", "probes", "losses")


def main(arguments: list[str]) -> None:
    """Measure, print, write."""
    if arguments[:1] == ["--memory"]:
        _print_memory(*arguments[1:])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("sections", nargs="*", default=[])
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--device", default="cpu")
    for size in ("rows", "length", "hidden_size", "num_layers", "num_heads", "intermediate_size"):
        parser.add_argument(f"--{size}", type=int)
    given = parser.parse_args(arguments)
    wanted = given.sections or [s for s in SECTIONS if given.whole or s != "losses"]
    sizes = {
        name: value
        for name, value in vars(given).items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    console, lines = Console(width=110), []
    rates = {name: rate / 1e9 for name, rate in matrix_rates(given.device).items()}
    console.print(f"{torch.get_num_threads()} threads; products, GFLOP/s: {rates}")
    bench = Bench(given.whole, OUTPUT / "bench", given.device, sizes)
    for section in wanted:
        began = time.perf_counter()
        for line in getattr(bench, section)():
            console.print(f"{line.name}: {line.ours:,.5g} and {line.peer:,.5g}")
            lines.append(line)
        console.print(f"[{section} took {time.perf_counter() - began:.0f} s]", markup=False)
    bench.close()
    console.print(table_of(lines))
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "bench.json").write_text(json.dumps([asdict(line) for line in lines], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
