"""Tables of what was trained and what it cost."""

from results.comparison import Stratum
from results.markdown import DASH, escape, quantity, table
from results.rows import Row

MUCH_LARGER = 3
"""A model with more than so many times the weights of a better one is undertrained."""


def objective_table(stratum: Stratum) -> str:
    """What every objective states of itself, and the parameters that only it has."""
    header = ["model", "family", "attention when probed", "own pooling", "passes a row"]
    header += ["supervises", "parameters in heads"]
    rows = []
    for row in stratum.models:
        traits, training = row.record.traits, row.record.training
        heads = [f"{name} {quantity(count)}" for name, count in training["head_parameters"].items()]
        rows.append(
            [
                escape(row.label),
                escape(traits.get("family", DASH)),
                escape(traits["attention"]),
                escape(traits.get("pooling", DASH)),
                f"{traits['passes']:.3g}" if "passes" in traits else DASH,
                escape(traits.get("supervises", DASH)),
                escape(", ".join(heads)) or DASH,
            ]
        )
    return table(header, rows)


def cost_table(stratum: Stratum) -> str:
    """What each model spent, the mean over its seeds; the clock's time stands at the page's end."""
    header = ["model", "parameters", "in heads", "learning rate", "rows an update", "updates"]
    header += ["corpus tokens", "tokens a parameter", "processed tokens", "supervised items"]
    header += ["passes", "FLOPs"]
    rows = []
    for row in stratum.models:
        record = row.record
        phases = record.training["phases"]
        scale = record.config["trainer"].get("learning_rate_scale", 1.0)
        spent = _spent(row)
        rows.append(
            [
                escape(row.label),
                quantity(record.training["parameters"]),
                quantity(sum(record.training["head_parameters"].values())),
                ", ".join(f"{phase['learning_rate'] * scale:g}" for phase in phases),
                ", ".join(str(phase["rows_per_update"]) for phase in phases),
                f"{spent['steps']:,.0f}",
                quantity(spent["tokens"]),
                DASH if (each := tokens_a_parameter(row)) is None else quantity(each),
                quantity(spent["processed_tokens"]),
                quantity(spent["supervised_targets"]),
                quantity(spent["forward_passes"]),
                quantity(spent["flops"]),
            ]
        )
    return table(header, rows)


def tokens_a_parameter(row: Row) -> float | None:
    """Corpus tokens over the backbone's parameters outside its token and position embeddings.

    None where a record does not say how many those are.
    """
    training = row.record.training
    if "embedding_parameters" not in training:
        return None
    embeddings = training["embedding_parameters"] + training.get("position_parameters", 0)
    rest = int(training["backbone_parameters"]) - embeddings
    return _spent(row)["tokens"] / rest if rest > 0 else None


def better_model(stratum: Stratum) -> str | None:
    """The preset that `model=auto` takes at the budget, where what was trained is much larger."""
    training = stratum.models[0].record.training
    better = training.get("better_model")
    if better is None or training["matrix_weights"] <= MUCH_LARGER * better["weights"]:
        return None
    return str(better["name"])


def _spent(row: Row) -> dict[str, float]:
    """The ledger, its mean over seeds."""
    ledgers = [model.record.training["ledger"] for model in row.models]
    return {name: sum(ledger[name] for ledger in ledgers) / len(ledgers) for name in ledgers[0]}


def seconds(stratum: Stratum) -> str:
    """Training time by the clock, which no two machines share: for the one line that may change."""
    each = []
    for row in stratum.models:
        spent = [model.record.training["ledger"]["seconds"] for model in row.models]
        each.append(f"{escape(row.label)} {sum(spent) / len(spent):.0f} s")
    return ", ".join(each)
