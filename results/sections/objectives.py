"""What every objective states of itself, and the parameters that only it has."""

from results.comparison import Stratum
from results.figures import quantity
from results.page import Prose, Section, Table, code, words

HEADER = (
    "model",
    "family",
    "attention when probed",
    "own pooling",
    "passes a row",
    "supervises",
    "parameters in heads",
)


def section(stratum: Stratum) -> Section | None:
    """A line a model."""
    rows = []
    for row in stratum.models:
        traits, training = row.record.traits, row.record.trained
        heads = [f"{name} {quantity(count)}" for name, count in training.head_parameters.items()]
        texts = [
            row.label,
            traits.get("family", ""),
            traits["attention"],
            traits.get("pooling", ""),
            f"{traits['passes']:.3g}" if "passes" in traits else "",
            traits.get("supervises", ""),
            ", ".join(heads),
        ]
        rows.append([words(text) for text in texts])
    pooling = stratum.record.config["measures"]["pooling"]
    text = (
        f"Where probes do not choose the pooling, all models are read by the same, {pooling} "
        f"({code('measures.pooling')}); an objective's own is what its paper or its training uses."
    )
    return Section("What was trained", [Table(HEADER, rows), Prose(text)])
