"""How long every probe takes on one model: the table of docs/performance.md.

    python tests/benchmarks/probe_times.py HUB_DIR [OUTPUT_DIR]

Every probe that HUB_DIR holds the data of (a folder in the hub's place), on a `mini` model read
from left to right, with weights as they are drawn: what they are costs no time. Processes share
the work as those of a run do. Prints a line a probe with the seconds of the model and of the simple
methods, and how long all of it took.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from cli.prepare import prepare_all
from runners.hardware import describe, set_up
from runners.job import Job
from runners.measures.text_model import TextModel
from runners.progress import Silent
from runners.training.initial import initial_model

SUITE = (
    "sst2 ag_news mrpc rte snli mnli stsb ewt_pos ewt_structure wnut17 probing blimp retrieval "
    "sentence_order odd_word word_order"
).split()
"""All that published data sets and a corpus of prose can supply."""


def model_of(job: Job) -> TextModel:
    """The model before its first update, read as CLM reads it."""
    config = job.config
    assert config.objective is not None
    model = initial_model(config.recipe, job.corpus).to(config.trainer.device).eval()
    return TextModel(
        model,
        job.corpus,
        attention=config.objective.traits.attention,
        likelihood=config.objective.traits.likelihood,
        pooling=config.measures.pooling,
        passes=config.measures.passes,
        trainer=config.trainer,
        objectives=config.objective.columns,
    )


class Suite:
    """A job and its model, as each process has them.

    Args:
        hub_dir: a folder in the hub's place.
        output_dir: where the corpus is built.
    """

    here: "Suite"

    def __init__(self, hub_dir: str, output_dir: str) -> None:
        command = [
            "objective=clm",
            "model=mini",
            "dataset=wikitext2",
            f"probe=[{','.join(SUITE)}]",
            "probes.mnli.test_split=validation",  # a sample's name for it
            f"hub_dir={hub_dir}",
            f"output_dir={output_dir}",
        ]
        (self.job,) = prepare_all(command, Silent()).jobs
        set_up(self.job.config.trainer)
        self.model = model_of(self.job)

    @classmethod
    def begin(cls, *places: str) -> None:
        """In a process that was just started."""
        cls.here = cls(*places)


def wait(seconds: float) -> None:
    """As long as every process takes to begin."""
    time.sleep(seconds)


def seconds_of(name: str, of_model: bool) -> float:
    """What the model, or the simple methods, take for a probe."""
    task = Suite.here.job.tasks[name]
    began = time.perf_counter()
    if of_model:
        task.measure(Suite.here.model, seed=0)
    else:
        task.baselines()
    return time.perf_counter() - began


def measure(hub_dir: str, output_dir: str) -> None:
    """Print the table."""
    suite = Suite(hub_dir, output_dir)
    trainer, tasks = suite.job.config.trainer, suite.job.tasks
    processes = max(1, len(os.sched_getaffinity(0)) // trainer.threads)
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, spawn, Suite.begin, (hub_dir, output_dir))
    with pool:
        list(pool.map(wait, [1.0] * processes))
        began = time.perf_counter()
        order = [*product(tasks, [True]), *product(tasks, [False])]
        futures = {each: pool.submit(seconds_of, *each) for each in order}
        spent = {each: future.result() for each, future in futures.items() if each[1]}
        model_done = time.perf_counter() - began
        spent |= {each: future.result() for each, future in futures.items() if not each[1]}
        whole = time.perf_counter() - began
    print(f"One `mini` model, {processes} process(es), {describe(trainer)} each.\n")
    print("| probe | model, s | simple methods, s | training examples | test examples |")
    print("|:--|--:|--:|--:|--:|")
    for name, task in tasks.items():
        numbers = {what: value for what, value in task.facts.items() if isinstance(value, int)}
        training = next((v for k, v in numbers.items() if k.startswith("training ")), "")
        test = next((v for k, v in numbers.items() if k in ("pairs", *_TESTED)), "")
        seconds = " | ".join(f"{spent[name, of_model]:.1f}" for of_model in (True, False))
        print(f"| {name} | {seconds} | {training} | {test} |")
    sums = [sum(spent[name, of_model] for name in tasks) for of_model in (True, False)]
    print(f"| sum | {sums[0]:.0f} | {sums[1]:.0f} | | |")
    print(f"\nThe model was done after {model_done:.0f} s, the simple methods after {whole:.0f} s.")
    for name, reason in suite.job.skipped.items():
        print(f"\nLeft out: {name}, since {reason}.")


_TESTED = ("test examples", "test sentences", "queries", "texts")

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        measure(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else folder)
