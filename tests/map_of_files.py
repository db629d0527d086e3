"""docs/map.md: every file with its purpose and the test that holds it. `make map` writes it."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "map.md"
ROOMS = ("cli", "runners", "objectives", "models", "results")
LARGE = 40
"""Lines above which a file needs a test that holds it."""

HELD_BY = {
    "cli/check.py": "objectives/test_plugins.py",
    "cli/first_screen.py": "cli/test_help.py",
    "cli/listing.py": "cli/test_usage.py",
    "cli/plan.py": "cli/test_run.py",
    "cli/ranks.py": "faults/test_ranks.py",
    "cli/resume.py": "faults/test_parent.py",
    "models/backbones/vanilla.py": "models/test_backbone.py",
    "models/batch.py": "models/test_backbone.py",
    "models/blocks.py": "models/test_backbone.py",
    "models/checkpoint.py": "models/test_checkpoint.py",
    "models/checkpoint_size.py": "models/test_checkpoint.py",
    "models/config.py": "models/test_backbone.py",
    "models/exports/vectors.py": "models/exports/test_folder.py",
    "models/generator.py": "objectives/test_rtd.py",
    "objectives/declutr.py": "objectives/test_contrastive.py",
    "objectives/infilling.py": "objectives/test_denoising.py",
    "objectives/prefix_lm.py": "objectives/test_no_leak.py",
    "objectives/simcse_supervised.py": "objectives/test_contrastive.py",
    "objectives/span_corruption.py": "objectives/test_denoising.py",
    "objectives/ul2.py": "objectives/test_denoising.py",
    "results/corpus.py": "results/test_store.py",
    "results/costs.py": "results/test_report.py",
    "results/evidence.py": "results/test_verdict.py",
    "results/rows.py": "results/test_comparison.py",
    "results/sections/caveats.py": "results/test_report.py",
    "results/sections/cost.py": "results/test_report.py",
    "results/sections/disagreements.py": "results/test_disagreement.py",
    "results/sections/fairness.py": "results/test_report.py",
    "results/sections/gains.py": "results/test_report.py",
    "results/sections/losses.py": "results/test_report.py",
    "results/sections/pictures.py": "results/test_exhibits.py",
    "results/sections/probes.py": "results/test_report.py",
    "results/sections/readouts.py": "results/test_readouts.py",
    "results/sections/sanity.py": "results/test_alarms.py",
    "results/sections/setup.py": "results/test_report.py",
    "results/sections/verdict.py": "results/test_verdict.py",
    "results/sections/verdict_lines.py": "results/test_verdict.py",
    "results/settings.py": "results/test_comparison.py",
    "results/training.py": "results/test_store.py",
    "results/writers/plots.py": "results/test_report.py",
    "runners/corpora/cells.py": "runners/probes/test_tables.py",
    "runners/corpora/loading.py": "runners/corpora/test_hub.py",
    "runners/distributed.py": "faults/test_ranks.py",
    "runners/estimate.py": "cli/test_run.py",
    "runners/follow.py": "faults/test_ranks.py",
    "runners/hub.py": "runners/corpora/test_hub.py",
    "runners/measures/cache.py": "runners/test_experiment.py",
    "runners/measures/config.py": "cli/test_hydra_app.py",
    "runners/measures/curve.py": "runners/training/test_pretrain.py",
    "runners/probes/pictures.py": "runners/probes/test_image_retrieval.py",
    "runners/probes/row.py": "runners/probes/test_own_tasks.py",
    "runners/probes/scores.py": "runners/probes/test_figures.py",
    "runners/probes/sentences.py": "runners/probes/test_tasks.py",
    "runners/probes/tables.py": "runners/probes/test_tables.py",
    "runners/trained_run.py": "cli/test_export.py",
    "runners/training/loop.py": "runners/training/test_pretrain.py",
    "runners/training/recipe.py": "runners/configuration/test_experiment.py",
    "runners/training/trained.py": "faults/test_damaged_checkpoints.py",
    "runners/training/weights.py": "faults/test_full_disk.py",
}
"""Of files that no test is named after or imports, the test that runs them."""

HEAD = """\
# Where things are

Made by `make map` and checked by tests/test_documents.py: every file, what it is, and the test that
holds it.
"""


@cache
def modules() -> tuple[Path, ...]:
    """All our files, relative to the root."""
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    return tuple(sorted(f.relative_to(ROOT) for f in files if f.name != "__init__.py"))


def purpose(file: Path) -> str:
    """The first paragraph of its docstring."""
    first = (ROOT / file).read_text().removeprefix('"""').split("\n\n")[0].split('"""')[0]
    return " ".join(first.split()).rstrip(".")


@cache
def holders() -> dict[str, str]:
    """The text of every test file, by its path below tests/."""
    folder = ROOT / "tests"
    return {str(f.relative_to(folder)): f.read_text() for f in sorted(folder.rglob("test_*.py"))}


def held_by(file: Path) -> str:
    """The test file of its name, or the first that imports it, or the one that is named here."""
    name = f"test_{file.stem}.py"
    beside = [path for path in holders() if path.rsplit("/", 1)[-1] == name]
    for path in (str(file.parent / name), *beside):
        if path in holders() and (
            path == str(file.parent / name) or _imports(holders()[path], file)
        ):
            return path
    if str(file) in HELD_BY:
        return HELD_BY[str(file)]
    return next((path for path, text in holders().items() if _imports(text, file)), "")


def _imports(text: str, file: Path) -> bool:
    module = ".".join(file.with_suffix("").parts)
    package, _, last = module.rpartition(".")
    direct = re.search(rf"(from|import) {re.escape(module)}\b", text)
    return bool(direct or re.search(rf"from {re.escape(package)} import .*\b{last}\b", text))


def page() -> str:
    """What docs/map.md is to hold."""
    lines = [HEAD]
    folder = None
    for file in sorted(modules(), key=_place):
        if file.parent != folder:
            folder = file.parent
            about = purpose(folder / "__init__.py")
            lines += ["", f"## {folder}", "", f"{about}.", ""]
            lines += ["| file | what it is | held by |", "|:--|:--|:--|"]
        holder = f"`{held_by(file)}`" if held_by(file) else ""
        lines.append(f"| `{file.name}` | {_cell(purpose(file))} | {holder} |")
    return "\n".join(lines) + "\n"


def _place(file: Path) -> tuple[int, str, str]:
    return ROOMS.index(file.parts[0]), str(file.parent), file.name


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page())
