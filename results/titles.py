"""Headings: what tables and figures call a figure, a loss and a row. As typed, not yet Markdown."""

from results.comparison import Stratum
from results.learning import family_of
from results.rows import Figure

METRIC_NAMES = {
    "accuracy_frozen": "accuracy, frozen",
    "accuracy_finetuned": "accuracy, fine-tuned",
    "accuracy": "accuracy, pairs",
    "accuracy_macro": "accuracy, mean over verbs",
    "mrr": "MRR",
    "recall_at_1": "recall@1",
    "recall_at_10": "recall@10",
    "spearman": "Spearman",
    **{
        f"{direction}_recall_at_{k}": f"{direction.replace('_', ' ')}, recall@{k.replace('_', ' ')}"
        for direction in ("image_to_text", "text_to_image")
        for k in ("1", "5", "10", "1_in_category")
    },
    "zero_shot_category": "category by its name",
}


def figure_title(figure: Figure) -> str:
    """A probe figure: `retrieval: MRR`."""
    measure, metric = figure
    return f"{measure.removeprefix('probe ')}: {METRIC_NAMES.get(metric, metric)}"


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
