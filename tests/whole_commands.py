"""Whole commands on a tiny job, in this process: settings, a call, and where its report lies."""

from pathlib import Path

from cli.main import main

TINY = [
    "+experiment=smoke",
    "dataset.libraries=[stdlib,numpy,pandas,scipy,matplotlib,sympy]",
    "dataset.max_files=110",
    "dataset.test_share=0.25",
    "dataset.sequence_length=64",
    "dataset.max_documents=null",
    "model.hidden_size=32",
    "model.max_length=64",
    "budget.amount=6",
    "objective.rows_per_update=8",
    "probe=retrieval",
    "trainer.dtype=float32",
    "hydra/launcher=inline",
]


def run(output: Path, *arguments: str) -> int:
    names = {argument.partition("=")[0] for argument in arguments}
    others = [setting for setting in TINY if setting.partition("=")[0] not in names]
    return main(["run", *arguments, *others, f"output_dir={output}"])


def report_path(text: str) -> Path:
    last = text.strip().splitlines()[-1]
    assert last.startswith("report: ")
    return Path(last.removeprefix("report: "))
