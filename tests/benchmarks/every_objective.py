"""Train every objective a little, and see that each learns and that placebos gain nothing.

    python tests/benchmarks/every_objective.py [OUTPUT_DIR]

Runs `compare run 'objective=glob(*)' -m +experiment=smoke` and reads the records: three minutes on
two cores. Exits with 1 where an objective that predicts tokens does not end below the untrained
model on held-out text, or where a placebo gains on a probe (lower limit of the interval above 0).
"""

import sys
from pathlib import Path

from results.tables import column_traits, probe_columns

from cli.main import main
from results.comparison import StoredRun, Stratum, contrast, strata
from results.store import ResultStore


def not_learnt(stratum: Stratum) -> list[str]:
    """Token losses that did not fall under those of the untrained model."""
    found = []
    assert stratum.untrained is not None
    for row in stratum.models:
        for measure, metric in stratum.measures("loss "):
            if metric != "nats" or row.runs[0].note(measure, metric) != "native":
                continue
            if column_traits(stratum, measure)["family"] not in ("LM", "DAE"):
                continue
            own, start = (r.estimate(measure, metric) for r in (row, stratum.untrained))
            assert own is not None
            assert start is not None
            print(f"{row.label:20} {measure:26} {own.value:8.3f}  untrained {start.value:8.3f}")
            if own.value >= start.value:
                found.append(f"{row.label} does not learn {measure}")
    return found


def gained_by_placebos(stratum: Stratum) -> list[str]:
    """Probe figures of placebos that lie above the untrained model's."""
    found = []
    assert stratum.untrained is not None
    for row in stratum.models:
        if row.runs[0].record.traits["family"] != "placebo":
            continue
        for measure, metric in probe_columns(stratum):
            gain = contrast(row, stratum.untrained, measure, metric)
            if gain is None:
                continue
            limits = f"{gain.low:+.3f} to {gain.high:+.3f}"
            print(f"{row.label:20} {measure} {metric}: {gain.difference:+.3f} ({limits})")
            if gain.low > 0:
                found.append(f"the placebo {row.label} gains on {measure} {metric}: {limits}")
    return found


def check(output_dir: Path) -> int:
    """Run, read, print; the exit status."""
    arguments = ["run", "objective=glob(*)", "-m", "+experiment=smoke", f"output_dir={output_dir}"]
    if main(arguments):
        return 1
    store = ResultStore(output_dir)
    (stratum,) = strata(StoredRun(record, store) for record in store.records())
    wrong = [f"{record.objective} failed: {record.error}" for record in stratum.failed]
    wrong += not_learnt(stratum) + gained_by_placebos(stratum)
    print("\n".join(wrong) or f"all well: {len(stratum.models)} objectives")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(check(Path(sys.argv[1] if len(sys.argv) > 1 else "outputs/every-objective")))
