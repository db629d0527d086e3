"""The column "cost" of docs/objectives.md: training operations for a corpus token, beside CLM's.

    python tests/benchmarks/costs.py [OBJECTIVE ...]

Counted, not timed: all updates of the default budget on pydocs with `mini` are prepared, seed 0.
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from objective_files import OBJECTIVE_FILES

from cli.configuration import experiment, sweep_columns
from cli.hydra_app import collect
from runners.corpora.building import build_corpus
from runners.training.budget import Ledger
from runners.training.updates import updates


def main(names: list[str]) -> None:
    """A line for each."""
    names = ["clm", *(name for name in names or OBJECTIVE_FILES if name != "clm")]
    composed = collect([f"objective={','.join(names)}", "-m", "model=mini"])
    columns, first = sweep_columns(composed), 0.0
    for job in composed:
        config = experiment(job, columns)
        corpus = build_corpus(config.dataset, output_dir=config.output_dir)
        trainer = replace(config.trainer, device="cpu", dtype="bfloat16", processes=1)
        ledger = Ledger()
        for update in updates(replace(config.recipe, trainer=trainer), corpus, ledger):
            ledger = update.ledger
        each = ledger.flops / ledger.tokens
        first = first or each
        assert config.objective is not None
        print(f"{config.objective.name}: {each / first:.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
