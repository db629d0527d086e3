"""Headings: what tables and figures call a figure, a loss and a row. As typed, not yet Markdown."""

from results.comparison import Stratum
from results.learning import family_of
from results.rows import Figure


def metric_title(stratum: Stratum, figure: Figure) -> str:
    """A figure as its measure calls it: `MRR`; where lower is better that is said."""
    metric = stratum.metric(figure)
    return (metric.title or figure[1]) + (" (lower is better)" if metric.sign < 0 else "")


def figure_title(stratum: Stratum, figure: Figure) -> str:
    """A probe figure: `retrieval: MRR`."""
    return f"{figure[0].removeprefix('probe ')}: {metric_title(stratum, figure)}"


def loss_title(stratum: Stratum, measure: str) -> str:
    """A loss column: its family, its objective, in what it is and for what item."""
    if stratum.raw.get(measure, measure) == "loss pairs":
        candidates = stratum.record.config["measures"]["candidates"]
        return f"CL: natural pairs, 1 of {candidates}"
    family, name = family_of(stratum, measure), measure.removeprefix("loss ")
    return f"{family}: {name}, {quantity_of(stratum, measure)}"


def quantity_of(stratum: Stratum, measure: str) -> str:
    """What a loss is in: `nats a token`, or what its objective says."""
    traits = stratum.traits(measure)
    return f"{traits.get('quantity', 'nats')} a {traits.get('unit', 'pair')}"
