"""How often does a report say that somebody wins where nobody does, and find who really leads?

    python tests/benchmarks/null_reports.py [REPORTS] [OUTPUT_DIR]

Simulated: objectives that are all alike, over the seeds, test examples and objectives of SETTINGS.
A score is a coin whose odds follow from the difficulty of its example, what its seed made of the
model (seed noise as measured, docs/log.md), and the taste of its objective for the example, which
cancels over the population. Every report goes through the code that writes real ones.

Real: 24 trainings of one objective at 24 seeds are dealt at random into two names.

Columns: reports that say that somebody wins, and is ahead, where all objectives are alike (four
primary figures); intervals of differences that cover the truth; and where the first is better by
three standard errors in the only primary figure, reports in which it leads, intervals of its
differences that lie above 0, and what Student's t test over the same seeds finds of them. That test
takes the test examples for all that matter and the seed noise of a pair from the pair alone. "At
most" is what the exact test finds with 5 % of errors, which knows that all models have the same
seed noise and that nothing else varies.

Prints Markdown tables; exits with 1 where more than 5 % of the reports say that somebody wins, or
fewer than 95 % of the intervals cover the truth, by more than two Monte Carlo errors.
"""

import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from results.comparison import Stratum, strata
from results.findings import Finding, findings
from results.page import Bullets, Table, words
from results.record import RunRecord, Value
from results.rows import StoredRun
from results.sections.verdict import section
from results.store import ResultStore
from results.training import Ledger, TrainingFacts
from results.writers.markdown import table

SEED_NOISE = 0.02
"""The noisiest figure's (docs/log.md: library .362 .352 .318)."""

TASTE = 1.0
"""Standard deviation, in logits, of an objective's taste for single examples."""

LOGITS = 5.5
"""Logits by which an accuracy of .76 changes by 1."""


@dataclass(frozen=True)
class Setting:
    """One kind of report.

    Attributes:
        taste: whether objectives prefer some examples to others.
        figures: primary ones.
        effect: standard errors by which the first objective is better in the first figure.
        noise: standard deviation of an accuracy over seeds, beyond what test examples bring.
    """

    seeds: int
    examples: int
    objectives: int
    taste: bool
    figures: int = 4
    effect: float = 0.0
    noise: float = SEED_NOISE


class Memory:
    """A store of records that were never written."""

    def __init__(self) -> None:
        self.rows: dict[str, pd.DataFrame] = {}

    def examples(self, name: str) -> pd.DataFrame:
        return self.rows[name]

    def curve(self, name: str) -> pd.DataFrame:
        return pd.DataFrame()


def made(name: str, seed: int, scores: np.ndarray, store: Memory) -> StoredRun:
    """A run with (figures, examples) scores."""
    record = RunRecord(
        name=f"{name}-{seed}",
        kind="run",
        status="finished",
        objective=name,
        seed=seed,
        stratum={"model": "m"},
        config={
            "measures": {"primary": [], "candidates": 2},
            "budget": {"unit": "flops", "amount": 1.0},
            "objective": {"name": name},
        },
        corpus={},
        columns={},
        training=TrainingFacts(
            ledger=Ledger(flops=1),
            parameters=1,
            backbone_parameters=1,
            head_parameters={},
            init_hash="",
            rows_hash="",
            rows_hash_at={},
            folder=f"{name}-{seed}",
            phases=[],
            optimizer="",
        ),
        values=tuple(
            Value(f"probe p{figure}", "accuracy", float(each.mean()))
            for figure, each in enumerate(scores)
        ),
    )
    figures, count = scores.shape
    numbers = np.tile(np.arange(count), figures)
    store.rows[record.name] = pd.DataFrame(
        {
            "measure": np.repeat([f"probe p{figure}" for figure in range(figures)], count),
            "metric": "accuracy",
            "row": "",
            "example": numbers,
            "group": numbers.astype(str),
            "value": scores.ravel(),
            "target": np.nan,
        }
    )
    return StoredRun(record, store)  # type: ignore[arg-type]


def report(setting: Setting, generator: np.random.Generator) -> tuple[Stratum, np.ndarray]:
    """Runs of a setting as a report has them; (objectives, seeds) scores in the first figure."""
    error = np.sqrt(2 * (setting.noise**2 + 0.18 / setting.examples) / setting.seeds)
    store, runs = Memory(), []
    means = np.empty((setting.objectives, setting.seeds))
    hard = generator.normal(0, 1, (setting.figures, setting.examples)) + 1.2
    for objective in range(setting.objectives):
        taste = generator.normal(0, TASTE * setting.taste, hard.shape)
        better = np.zeros((setting.figures, 1))
        better[0] = setting.effect * error * LOGITS if objective == 0 else 0.0
        for seed in range(setting.seeds):
            noise = generator.normal(0, setting.noise * LOGITS, (setting.figures, 1))
            odds = hard + taste + noise + better
            scores = (generator.random(hard.shape) < 1 / (1 + np.exp(-odds))).astype(float)
            means[objective, seed] = scores[0].mean()
            runs.append(made(f"o{objective}", seed, scores, store))
    (stratum,) = strata(runs)
    return stratum, means


@dataclass(frozen=True)
class Outcome:
    """What one report said.

    Attributes:
        wins: that somebody wins anything.
        ahead: that somebody is ahead on these test examples.
        found: that the first objective leads in the first figure.
        seen: share of the intervals of its differences there that lie above 0.
        tested: share of these differences that Student's t test over seeds finds at 5 %.
        covered: share of the intervals of differences that hold 0.
    """

    wins: bool
    ahead: bool
    found: bool
    seen: float
    covered: float
    tested: float = 0.0


def _table(header: list[str], rows: list[list[str]]) -> str:
    return table(Table(header, [[words(text) for text in row] for row in rows]), Path())


def outcome(stratum: Stratum) -> Outcome:
    """Read a report: its words, and its intervals."""
    said = section(stratum)
    assert said is not None
    blocks = [b.items if isinstance(b, Bullets) else [b.text] for b in said.blocks]  # type: ignore[union-attr]
    text = " ".join(item for items in blocks for item in items)
    contrasts = [c for finding in findings(stratum) for c in finding.contrasts.values()]
    first = findings(stratum)[0]
    return Outcome(
        " wins " in text,
        " is ahead on " in text,
        first.resolved and first.leader is not None and first.leader.label == "o0",
        _seen(first),
        float(np.mean([contrast.sign == 0 for contrast in contrasts])),
    )


def _seen(finding: Finding) -> float:
    signs = [
        contrast.sign if first.objective == "o0" else -contrast.sign
        for (first, second), contrast in finding.contrasts.items()
        if "o0" in (first.objective, second.objective)
    ]
    return float(np.mean([sign > 0 for sign in signs])) if signs else 0.0


def _tested(means: np.ndarray) -> float:
    """The share of the first row's differences that are above 0 by Student's t test."""
    if means.shape[1] < 2:
        return 0.0
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        tests = [stats.ttest_ind(means[0], other) for other in means[1:]]
    return float(np.mean([test.pvalue < 0.05 and test.statistic > 0 for test in tests]))


def at_most(setting: Setting, rivals: int, errors: float) -> float:
    """How often the exact t test finds that a model is above each of so many rivals.

    All models have one variance over seeds, estimated from them together; the differences of one
    model to two rivals have a correlation of a half, as they share its own noise.

    Args:
        errors: standard errors by which it is above each.
    """
    freedom, tail = setting.objectives * (setting.seeds - 1), 0.975
    steps = (np.arange(200) + 0.5) / 200
    needed = np.array([stats.norm.ppf(tail)])
    if freedom:
        needed = stats.t.ppf(tail, freedom) * np.sqrt(stats.chi2.ppf(steps, freedom) / freedom)
    own = np.linspace(-8, 8, 2001)
    passes = stats.norm.cdf(own + np.sqrt(2) * (errors - needed[:, None])) ** rivals
    return float(np.trapezoid(stats.norm.pdf(own) * passes, own).mean())


def simulated(task: tuple[Setting, int, int]) -> list[Outcome]:
    """So many reports of a setting."""
    setting, reports, seed = task
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(reports):
        stratum, means = report(setting, generator)
        found.append(replace(outcome(stratum), tested=_tested(means)))
    return found


def settings() -> Iterator[Setting]:
    """All combinations, with and without taste."""
    for taste in (False, True):
        for objectives in (2, 3, 8):
            for examples in (20, 100, 600):
                for seeds in (1, 2, 3, 5):
                    yield Setting(seeds, examples, objectives, taste)


def shares(outcomes: list[Outcome], name: str) -> tuple[float, float]:
    """The mean of a field, and its Monte Carlo error."""
    values = np.array([float(getattr(each, name)) for each in outcomes])
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))


def simulate(reports: int) -> tuple[str, list[str]]:
    """The table of simulated reports, and what is wrong in it."""
    rows, wrong, better_by = [], [], 3.0
    chosen = list(settings())
    tasks = []
    for place, null in enumerate(chosen):
        better = replace(null, effect=better_by, figures=1)
        # One seed: an interval is about the very models at hand, so seeds may not differ.
        own = replace(null, noise=0.0)
        more = reports if null.seeds == 1 else 0
        tasks += [(null, reports, place), (better, reports, place), (own, more, place)]
    with ProcessPoolExecutor() as pool:
        outcomes = list(pool.map(simulated, tasks))
    for place, setting in enumerate(chosen):
        null, better, own = outcomes[3 * place : 3 * place + 3]
        wins = shares(null, "wins")[0]
        covered, error = shares(own or null, "covered")
        told = (
            f"{setting.seeds} seeds, {setting.examples} examples, {setting.objectives} objectives"
        )
        if wins > 0.05 + 2 * np.sqrt(0.05 * 0.95 / reports):
            wrong.append(f"{told}: somebody wins in {wins:.1%}")
        if covered < 0.95 - 2 * error:
            wrong.append(f"{told}: intervals cover {covered:.1%}")
        rows.append(
            [
                f"{setting.seeds}",
                f"{setting.examples}",
                f"{setting.objectives}",
                "yes" if setting.taste else "no",
                f"{wins:.1%}",
                f"{shares(null, 'ahead')[0]:.1%}",
                f"{covered:.1%}",
                f"{shares(better, 'found')[0]:.0%}",
                f"{at_most(setting, setting.objectives - 1, better_by):.0%}",
                f"{shares(better, 'seen')[0]:.0%}",
                f"{at_most(setting, 1, better_by):.0%}",
                f"{shares(better, 'tested')[0]:.0%}" if setting.seeds > 1 else "",
            ]
        )
    header = ["seeds", "examples", "objectives", "taste", "wins", "ahead", "intervals cover"]
    header += ["leads", "at most", "interval above 0", "at most", "t test"]
    return _table(header, rows), wrong


def train(output_dir: Path, seeds: int) -> list[StoredRun]:
    """Real trainings of one objective, at the size of the smoke experiment."""
    from cli.main import main

    arguments = ["run", "objective=simcse", "-m", "+experiment=smoke", "budget.amount=60"]
    arguments += [f"seed={','.join(map(str, range(seeds)))}", "columns=[simcse]"]
    arguments += ["measures.adaptation_steps=0", "probe=[library,retrieval]"]
    arguments += ["probes.library.modes=[frozen]", f"output_dir={output_dir}"]
    if main(arguments):
        raise SystemExit("some trainings failed")
    store = ResultStore(output_dir)
    return [StoredRun(r, store) for r in store.records()[0] if r.kind == "run"]


def deal(runs: list[StoredRun], seeds: int, generator: np.random.Generator) -> Stratum:
    """Two names, each with so many of the trainings, taken for the seeds 0, 1, 2, ..."""
    order = generator.permutation(len(runs))
    dealt = []
    for name, start in (("a", 0), ("b", seeds)):
        for seed in range(seeds):
            run = runs[order[start + seed]]
            config: dict[str, Any] = {**run.record.config}
            config["objective"] = {**config["objective"], "name": name}
            changed = replace(run.record, objective=name, seed=seed, config=config)
            again = replace(run, record=changed)
            again.__dict__["table"] = run.table  # read once
            dealt.append(again)
    (stratum,) = strata(dealt)
    return stratum


def real(output_dir: Path, reports: int) -> tuple[str, list[str]]:
    """The table of real trainings dealt into two names, and what is wrong in it."""
    runs = train(output_dir, 24)
    rows, wrong = [], []
    for seeds in (1, 2, 3, 5):
        generator = np.random.default_rng(seeds)
        found = [outcome(deal(runs, seeds, generator)) for _ in range(reports)]
        wins, covered = shares(found, "wins")[0], shares(found, "covered")[0]
        ahead = shares(found, "ahead")[0]
        rows.append([f"{seeds}", f"{wins:.1%}", f"{ahead:.1%}", f"{covered:.1%}"])
        if wins > 0.05 + 2 * np.sqrt(0.05 * 0.95 / reports):
            wrong.append(f"real trainings, {seeds} seeds: somebody wins in {wins:.1%}")
    return _table(["seeds", "wins", "ahead", "intervals cover"], rows), wrong


def check(reports: int, output_dir: Path) -> int:
    """Both tables; the exit status."""
    wrong = []
    for title, (text, faults) in (
        (f"Simulated, {reports} reports a line", simulate(reports)),
        ("Real trainings of one objective, 500 deals a line", real(output_dir, 500)),
    ):
        print(f"\n{title}:\n\n{text}\n")
        wrong += faults
    print("\n".join(wrong) or "all within two Monte Carlo errors")
    return 1 if wrong else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    folder = Path(given[1] if len(given) > 1 else "outputs/null")
    sys.exit(check(int(given[0]) if given else 400, folder))
