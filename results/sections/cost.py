"""What every model cost."""

from functools import partial

from results.comparison import Stratum
from results.costs import spent, tokens_a_parameter
from results.curves import loss_curves
from results.figures import quantity
from results.page import Drawing, Prose, Section, Table, words
from results.sections.setup import budget
from results.writers.plots import plot_curves

HEADER = (
    "model",
    "parameters",
    "in heads",
    "learning rate",
    "rows an update",
    "updates",
    "corpus tokens",
    "tokens a parameter",
    "processed tokens",
    "supervised items",
    "passes",
    "FLOPs",
)


def section(stratum: Stratum) -> Section | None:
    """The mean over seeds; the clock's time stands at the page's end."""
    rows = []
    for row in stratum.models:
        record, taken = row.record, spent(row)
        phases = record.trained.phases
        scale = record.config["trainer"].get("learning_rate_scale", 1.0)
        each = tokens_a_parameter(row)
        texts = [
            row.label,
            quantity(record.trained.parameters),
            quantity(sum(record.trained.head_parameters.values())),
            ", ".join(f"{phase['learning_rate'] * scale:g}" for phase in phases),
            ", ".join(str(phase["rows_per_update"]) for phase in phases),
            f"{taken['steps']:,.0f}",
            quantity(taken["tokens"]),
            "" if each is None else quantity(each),
            quantity(taken["processed_tokens"]),
            quantity(taken["supervised_targets"]),
            quantity(taken["forward_passes"]),
            quantity(taken["flops"]),
        ]
        rows.append([words(text) for text in texts])
    text = (
        f"The budget was {budget(stratum.record)} for every objective; with several seeds these "
        "are means. Seconds depend on what else the machine did: they stand in the page's last "
        "line and are never ranked. Tokens a parameter count the backbone's parameters outside its "
        "embeddings, which do most of the computing and, in a small model, are few of all."
    )
    draw = partial(plot_curves, stratum)
    curves = Drawing("curves", "Loss curves", draw, loss_curves(stratum))
    return Section("What it cost", [Table(HEADER, rows), Prose(text), curves])
