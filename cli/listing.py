"""`compare list`: what can be chosen, and what has been run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from cli.arguments import parser_of
from cli.auto import AUTO
from cli.hydra_app import call_without_output, compose_option, parse
from cli.main import UsageError
from cli.tables import print_table
from models.registry import find
from results.figures import number, quantity
from results.store import ResultStore
from runners.configuration.build import unknown_key
from runners.configuration.read import model, objective
from runners.corpora.document import CORPORA
from runners.probes.base import PROBES

KINDS = ("objectives", "models", "datasets", "probes", "runs")

EXAMPLES = """\
compare list objectives
compare list runs output_dir=outputs
"""


def main(arguments: Sequence[str]) -> int:
    """Print one list."""
    about = "What can be chosen, and what has been run."
    parser = parser_of("list", about, examples=EXAMPLES)
    parser.add_argument("what", metavar="|".join(KINDS))
    parser.add_argument("overrides", nargs="*", help="plugins=[FILE] and output_dir=DIR, as in run")
    parser.add_argument("--config-dir", "-cd", help="a folder with more options, as in run")
    parsed = parse(parser, arguments, help_by="compare list --help")
    if parsed.what not in KINDS:
        raise UsageError(unknown_key(f"list of {parsed.what!r}", parsed.what, list(KINDS)))
    flags = ["--config-dir", parsed.config_dir] if parsed.config_dir else []
    rows: list[list[str]] = []
    call_without_output(
        [*flags, *parsed.overrides],
        lambda settings: rows.extend(LISTS[parsed.what](list(parsed.overrides), settings)),
    )
    print_table(rows)
    return 0


def _options(group: str) -> list[str]:
    loader = GlobalHydra.instance().config_loader()
    return sorted(loader.get_group_options(group))


def _plugins(settings: Any) -> list[Path]:
    return [Path(path) for path in settings.plugins]


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _objectives(overrides: list[str], settings: Any) -> list[list[str]]:
    rows = [["objective", "family", "attention", "passes", "learning rate", "rows", "what it is"]]
    for option in _options("objective"):
        found = objective(
            compose_option("objective", option, overrides), _plugins(settings), option
        )
        traits, phases = found.traits, found.phases
        rows.append(
            [
                option,
                traits.family,
                traits.attention,
                f"{traits.passes:g}",
                ", ".join(f"{phase.learning_rate:g}" for phase in phases),
                ", ".join(str(phase.rows_per_update) for phase in phases),
                _first_line(type(found)),
            ]
        )
    return rows


def _models(overrides: list[str], settings: Any) -> list[list[str]]:
    size = int(settings.dataset.get("vocabulary_size", 0))
    rows = [
        ["model", "architecture", "layers", "hidden", "heads", f"parameters at {size:,} tokens"]
    ]
    for option in _options("model"):
        if option == AUTO:
            rows.append([option, "what suits the budget: budget=flops or tokens", "", "", "", ""])
            continue
        composed = hydra.compose("config", overrides=[f"model={option}", *overrides]).model
        if OmegaConf.is_missing(composed, "path"):
            rows.append([option, "the checkpoint's own: model.path=...", "", "", "", ""])
            continue
        values: Any = OmegaConf.to_container(composed, resolve=True)
        config = model(values, _plugins(settings))
        with torch.device("meta"):
            backbone = config.build(size)
        count = sum(parameter.numel() for parameter in backbone.parameters())
        shape = [str(config.num_layers), str(config.hidden_size), str(config.num_heads)]
        rows.append([option, config.found_as, *shape, quantity(count)])
    return rows


def _datasets(overrides: list[str], settings: Any) -> list[list[str]]:
    rows = [["dataset", "what it is", "path"]]
    for option in _options("dataset"):
        values = hydra.compose("config", overrides=[f"dataset={option}", *overrides]).dataset
        path = (
            "dataset.path=..." if OmegaConf.is_missing(values, "path") else values.get("path", "")
        )
        rows.append(
            [option, _first_line(find(CORPORA, values.kind, _plugins(settings))), str(path)]
        )
    return rows


def _probes(overrides: list[str], settings: Any) -> list[list[str]]:
    rows = [["probe", "what it is", "path"]]
    for option in _options("probe"):
        config = hydra.compose("config", overrides=[f"probe={option}", *overrides])
        values = config.get("probe") or config.probes.get(option)
        if values is None:
            rows.append([option, f"several in one: {', '.join(config.probes)}", ""])
            continue
        path = "probe.path=..." if OmegaConf.is_missing(values, "path") else values.get("path", "")
        rows.append([option, _first_line(find(PROBES, values.kind, _plugins(settings))), str(path)])
    return rows


def _runs(overrides: list[str], settings: Any) -> list[list[str]]:
    rows = [
        ["run", "status", "objective", "seed", "dataset", "budget", "FLOPs", "own loss", "when"]
    ]
    for record in ResultStore(Path(settings.output_dir)).records()[0]:
        if record.kind != "run":
            continue
        measure = f"loss {record.objective}"
        own = [v.value for v in record.values if (v.measure, v.metric) == (measure, "nats")]
        rows.append(
            [
                record.name,
                "diverged" if record.is_diverged else record.status,
                record.objective,
                str(record.seed),
                record.corpus.label,
                record.stratum.get("budget", ""),
                quantity(record.trained.ledger.flops) if record.training else "",
                number(own[0]) if own else "",
                record.created,
            ]
        )
    return rows


LISTS: dict[str, Callable[[list[str], Any], list[list[str]]]] = {
    "objectives": _objectives,
    "models": _models,
    "datasets": _datasets,
    "probes": _probes,
    "runs": _runs,
}
