"""Train every objective a little, and see that each learns and that placebos gain nothing.

    python tests/benchmarks/every_objective.py [OUTPUT_DIR]

Runs `compare run 'objective=glob(*)' -m +experiment=smoke` and reads the records: three minutes on
two cores. Exits with 1 where an objective that predicts tokens does not end below the untrained
model on held-out text, or where a placebo gains on a probe (the interval above 0, after Holm's
adjustment over all of them: of twenty, one in two sweeps lies above 0 by chance).
"""

import sys
from pathlib import Path

from cli.main import main
from results.comparison import Stratum, strata
from results.figures import limits
from results.findings import LEVEL, probe_figures
from results.learning import family_of, native_losses
from results.rows import StoredRun
from results.statistics import holm
from results.store import ResultStore


def not_learnt(stratum: Stratum) -> list[str]:
    """Token losses that did not fall under those of the untrained model."""
    found = []
    for row in stratum.models:
        start = stratum.start_of(row)
        assert start is not None
        for measure in native_losses(stratum, row):
            if family_of(stratum, measure) not in ("LM", "DAE"):
                continue
            own, begin = (stratum.estimate(each, measure, "nats") for each in (row, start))
            assert own is not None
            assert begin is not None
            print(f"{row.label:20} {measure:26} {own.value:8.3f}  untrained {begin.value:8.3f}")
            if own.value >= begin.value:
                found.append(f"{row.label} does not learn {measure}")
    return found


def gained_by_placebos(stratum: Stratum) -> list[str]:
    """Probe figures of placebos that lie above the untrained model's."""
    found = {}
    for row in stratum.models:
        start = stratum.start_of(row)
        if row.record.traits["family"] != "placebo" or start is None:
            continue
        for measure, metric in probe_figures(stratum):
            gain = stratum.contrast(row, start, measure, metric)
            if gain is None:
                continue
            told = f"{gain.difference:+.3f} ({limits(gain, '+.3f')})"
            print(f"{row.label:20} {measure} {metric}: {told}")
            found[f"the placebo {row.label} gains on {measure} {metric}: {told}"] = gain
    adjusted = holm([gain.p for gain in found.values()])
    return [
        text
        for (text, gain), p in zip(found.items(), adjusted, strict=True)
        if gain.sign > 0 and p < LEVEL
    ]


def check(output_dir: Path) -> int:
    """Run, read, print; the exit status."""
    arguments = ["run", "objective=glob(*)", "-m", "+experiment=smoke", f"output_dir={output_dir}"]
    if main(arguments):
        return 1
    store = ResultStore(output_dir)
    (stratum,) = strata(StoredRun(record, store) for record in store.records()[0])
    wrong = [f"{record.objective} failed: {record.error}" for record in stratum.failed]
    wrong += not_learnt(stratum) + gained_by_placebos(stratum)
    print("\n".join(wrong) or f"all well: {len(stratum.models)} objectives")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(check(Path(sys.argv[1] if len(sys.argv) > 1 else "outputs/every-objective")))
