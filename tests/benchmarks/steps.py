"""A training step of every objective on this machine: the tables of docs/performance.md.

    python tests/benchmarks/steps.py [--model base] [--length 512] [--rows 64] [OBJECTIVE ...]

Rows are full and their tokens are drawn at random: what a step takes does not depend on them. Of
each objective: milliseconds of an update, tokens a second (of the rows that are read, each view
counted), the two floors (operations at the rate of a large matrix product of this machine, and the
bytes that cannot stay in a cache at the rate of a large copy), the share of the matrix rate that is
reached, what the update takes to prepare on the processor, and the memory of a GPU.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.profiler import profile

sys.path.insert(0, str(Path(__file__).parents[1]))

from objective_files import OBJECTIVE_FILES, load_objective

from cli.hydra_app import VERSION_BASE, compose_option
from models.batch import Batch
from models.config import BackboneConfig
from models.vocabulary import SENTINELS, Vocabulary
from objectives.base import build_model
from objectives.randomness import RowRandom
from objectives.trainable import Moment, Trainable
from runners.checks import ORDINARY_END, SPECIAL, VOCABULARY
from runners.configuration.read import model as read_model
from runners.hardware import describe, set_up
from runners.training.budget import BudgetConfig, Ledger
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.recipe import Recipe
from runners.training.trainer import TrainerConfig
from runners.training.update import UpdateStep
from runners.training.updates import Update, update_of

BYTES_A_WEIGHT = 44
"""That an update of AdamW moves at least, in float32: the weight is read for the forward and the
backward pass and by the optimizer and written once (16), the gradient is written and read for its
norm and by the optimizer (12), both moments are read and written (16)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What floors are counted with.

    Attributes:
        matrix: floating-point operations a second of a large product in the dtype of training.
        copy: bytes a second of a large copy, read and written.
    """

    matrix: float
    copy: float


def wait(device: str) -> None:
    """Until a GPU has done all it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(work: Callable[[], object], device: str, times: int) -> float:
    """Median of some calls, after two that do not count."""
    taken = []
    for _ in range(times + 2):
        wait(device)
        began = time.perf_counter()
        work()
        wait(device)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[2:])


def measured(trainer: TrainerConfig) -> Machine:
    """The two rates, of products and copies far larger than caches."""
    size = 8192 if trainer.device == "cuda" else 2048
    dtype = getattr(torch, trainer.dtype)
    left, right = (torch.randn(size, size, device=trainer.device).to(dtype) for _ in range(2))
    product = seconds(lambda: left @ right, trainer.device, 10)
    source = torch.randn(2**28 if trainer.device == "cuda" else 2**26, device=trainer.device)
    target = torch.empty_like(source)
    copy = seconds(lambda: target.copy_(source), trainer.device, 10)
    return Machine(matrix=2 * size**3 / product, copy=2 * 4 * source.numel() / copy)


def made_vocabulary(size: int) -> Vocabulary:
    """The made vocabulary of runners/checks.py with more ordinary tokens, and 100 sentinels."""
    ordinary = VOCABULARY.tokens[SPECIAL:ORDINARY_END]
    sentinels = tuple(range(size - len(SENTINELS), size))
    if sentinels[0] <= SPECIAL + len(ordinary):
        raise ValueError(f"a vocabulary has more tokens than {size} here")
    more = tuple(ordinary[i % len(ordinary)] for i in range(sentinels[0] - SPECIAL))
    return replace(
        VOCABULARY,
        size=size,
        special_ids=(*range(SPECIAL), *sentinels),
        sentinel_ids=sentinels,
        tokens=("",) * SPECIAL + more + ("",) * len(sentinels),
    )


def full_rows(vocabulary: Vocabulary, rows: int, length: int, *, first: int, size: int) -> Batch:
    """`rows` rows of `length` tokens, three texts in each, and a picture of `size` pixels."""
    draw = torch.Generator().manual_seed(first)
    ordinary = vocabulary.ordinary_ids
    ids = ordinary[torch.randint(len(ordinary), (rows, length), generator=draw)]
    ids[:, 0], ids[:, -1] = vocabulary.cls_id, vocabulary.sep_id
    starts = torch.tensor([1 + length // 3, 1 + 2 * length // 3]).repeat(rows, 1)
    pictures = torch.randint(256, (rows, 3, size, size), generator=draw, dtype=torch.uint8)
    return Batch(
        ids,
        torch.ones(rows, length, dtype=torch.bool),
        torch.arange(first, first + rows),
        starts,
        pictures,
        torch.ones(rows, dtype=torch.bool),
    )


class Timed:
    """A model, an objective and made updates.

    Args:
        objective: what is trained.
        config: the model's size.
        trainer: resolved.
        vocabulary: of the tokens.
        rows: of an update.
        length: of a row, in tokens.
    """

    def __init__(
        self,
        objective: Trainable,
        config: BackboneConfig,
        trainer: TrainerConfig,
        vocabulary: Vocabulary,
        *,
        rows: int,
        length: int,
    ) -> None:
        self.objective, self.trainer = objective, trainer
        self._vocabulary, self._shape = vocabulary, (rows, length)
        budget = BudgetConfig(unit="steps", amount=1000)
        self._recipe = Recipe(
            seed=0, model=config, objective=objective, budget=budget, trainer=trainer
        )
        self.model = build_model(objective, config, vocabulary.size, seed=0)
        self.model.to(trainer.device).train()
        self.step = UpdateStep(self.model, objective, trainer, seed=0, tokens=float(rows * length))

    def rows(self, number: int) -> Batch:
        """Of an update."""
        count, length = self._shape
        size = getattr(self.objective, "image_size", 32)
        return full_rows(self._vocabulary, count, length, first=number * count, size=size)

    def update(self, batch: Batch) -> Update:
        """Prepared as training does."""
        moment = Moment(int(batch.row_ids[0]) // len(batch.row_ids), 0.5)
        leaves = self.objective.prepare(
            batch,
            vocabulary=self._vocabulary,
            draw=RowRandom(0, batch.row_ids),
            moment=moment,
        )
        phase = self.objective.phase(moment.progress)
        size = self._vocabulary.size
        return update_of(self._recipe, size, batch, phase, moment, leaves, Ledger())

    def saved_bytes(self, update: Update) -> int:
        """Of all tensors that a backward pass keeps, each storage once, but for the weights."""
        weights = {p.untyped_storage().data_ptr() for p in self.model.parameters()}
        kept: dict[int, int] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            self.step.backward(update)
        self.step.optimizer.zero_grad()
        return sum(kept.values())


def line_of(timed: Timed, machine: Machine, times: int) -> str:
    """A row of the table."""
    device = timed.trainer.device
    batches = [timed.rows(number) for number in range(4)]
    began = time.perf_counter()
    updates = [timed.update(batch) for batch in batches]
    prepared = (time.perf_counter() - began) / len(batches)
    saved = None if timed.trainer.compile else timed.saved_bytes(updates[0])
    turn = iter(range(10**9))
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    for update in updates:
        timed.step(update, rate=1e-4)
    wait(device)
    first = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(times):  # without waiting between them, as in training
        timed.step(updates[next(turn) % 4], rate=1e-4)
    wait(device)
    taken = (time.perf_counter() - began) / times
    flops = statistics.mean(update.ledger.flops for update in updates)
    tokens = statistics.mean(update.ledger.processed_tokens for update in updates)
    weights = sum(p.numel() for p in timed.model.parameters() if p.requires_grad)
    moved = None if saved is None else (BYTES_A_WEIGHT * weights + 2 * saved) / machine.copy
    by_bytes = "" if moved is None else f"{1e3 * moved:.1f}"  # a compiler keeps what it likes
    memory = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else 0.0
    return (
        f"| {timed.objective.name} | {1e3 * taken:.1f} | {tokens / taken:,.0f} "
        f"| {1e3 * flops / machine.matrix:.1f} | {by_bytes} "
        f"| {flops / taken / machine.matrix:.0%} | {1e3 * prepared:.1f} | {memory:.1f} "
        f"| {first:.1f} |"
    )


def profiled(timed: Timed, count: int) -> str:
    """The operators, and kernels of a GPU, that three updates spend most of their time in."""
    device = timed.trainer.device
    updates = [timed.update(timed.rows(number)) for number in range(3)]
    with profile() as found:
        for update in updates:
            timed.step(update, rate=1e-4)
        wait(device)
    order = f"self_{device}_time_total"
    return str(found.key_averages().table(sort_by=order, row_limit=count, max_name_column_width=70))


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("objectives", nargs="*", default=OBJECTIVE_FILES)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--profile", type=int, default=0, help="operators to show, by their time")
    parser.add_argument("--dropout", type=float, default=0.0)
    given = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = AdamWConfig(
        device=device,
        dtype=given.dtype,
        threads=torch.get_num_threads(),
        compile=given.compile,
        processes=1,
    )
    set_up(trainer)
    import hydra

    folder = Path(__file__).parents[2] / "conf"
    with hydra.initialize_config_dir(str(folder), **VERSION_BASE):
        values = compose_option("model", given.model)
    longest = max(values["max_length"], 2 * given.length)
    values |= {
        "max_length": longest,
        "dropout": given.dropout,
        "attention_dropout": given.dropout,
    }
    config = read_model(values)
    machine = measured(trainer)
    print(f"{describe(trainer)}; torch {torch.__version__}")
    print(
        f"{given.model}, {given.rows} rows of {given.length}, {given.vocabulary} tokens; ", end=""
    )
    print(f"products {machine.matrix / 1e12:.2f} TFLOP/s, copies {machine.copy / 1e9:.0f} GB/s\n")
    print(
        "| objective | ms | tokens/s | operations, ms | bytes, ms | of the matrix rate "
        "| prepared, ms | GiB | first 4, s |\n|:--|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    vocabulary = made_vocabulary(given.vocabulary)
    for name in given.objectives:
        torch.compiler.reset()
        timed = None
        try:
            timed = Timed(
                load_objective(name).with_rows(given.rows),
                config,
                trainer,
                vocabulary,
                rows=given.rows,
                length=given.length,
            )
            print(line_of(timed, machine, given.times), flush=True)
            if given.profile:
                print(profiled(timed, given.profile), flush=True)
        except (RuntimeError, ValueError) as error:
            print(f"| {name} | {type(error).__name__}: {str(error)[:300]!r} |", flush=True)
        del timed
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1:])
