"""How long every probe takes on one model: the table of docs/performance.md.

    python tests/benchmarks/probe_times.py HUB_DIR [OUTPUT_DIR]

Every probe that HUB_DIR holds the data of (a folder in the hub's place), on a `mini` model read
from left to right, with weights as they are drawn: what they are costs no time. Prints a line a
probe with the seconds of the model and of the simple methods, and their sums.
"""

import os
import sys
import tempfile
import time

from cli.prepare import prepare_jobs
from runners.hardware import describe
from runners.job import Job
from runners.measures.text_model import TextModel
from runners.progress import Silent
from runners.training.pretrain import initial_model

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


def measure(hub_dir: str, output_dir: str) -> None:
    """Print the table."""
    command = [
        "objective=clm",
        "model=mini",
        "dataset=wikitext2",
        f"probe=[{','.join(SUITE)}]",
        "probes.mnli.test_split=validation",  # a sample's name for it
        f"trainer.threads={os.cpu_count()}",
        f"hub_dir={hub_dir}",
        f"output_dir={output_dir}",
    ]
    (job,) = prepare_jobs(command, Silent()).jobs
    model = model_of(job)
    print(f"One `mini` model, {describe(job.config.trainer)}.\n")
    print("| probe | model, s | simple methods, s | training examples | test examples |")
    print("|:--|--:|--:|--:|--:|")
    total = [0.0, 0.0]
    for name, task in job.tasks.items():
        spent = []
        for compute in (lambda task=task: task.measure(model, seed=0), task.baselines):
            began = time.perf_counter()
            compute()
            spent.append(time.perf_counter() - began)
        total = [a + b for a, b in zip(total, spent, strict=True)]
        numbers = {what: value for what, value in task.facts.items() if isinstance(value, int)}
        training = next((v for k, v in numbers.items() if k.startswith("training ")), "")
        test = next((v for k, v in numbers.items() if k in ("pairs", *_TESTED)), "")
        print(f"| {name} | {spent[0]:.1f} | {spent[1]:.1f} | {training} | {test} |", flush=True)
    print(f"| all | {total[0]:.0f} | {total[1]:.0f} | | |")
    for name, reason in job.skipped.items():
        print(f"\nLeft out: {name}, since {reason}.")


_TESTED = ("test examples", "test sentences", "queries", "texts")

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        measure(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else folder)
